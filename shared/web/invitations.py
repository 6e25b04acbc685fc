"""What a browser holds that has opened an invitation's link. It is read by pages and by the consent's callback."""

from datetime import timedelta

from shared.flows.app import App
from shared.flows.invitation import LINK_LIFE
from shared.web import sessions
from shared.web.http import Request

HERE = "/connect"


def browser(app: App, request: Request) -> str:
    """The browser's own secret, with the link's token in it; empty if it has opened no link."""
    return request.cookie(_name(app))


def kept(app: App, secret: str) -> str:
    """A Set-Cookie header that has the browser keep its secret, or forget it if there is none."""
    return sessions.cookie(app, _name(app), secret, LINK_LIFE if secret else timedelta(0))


def _name(app: App) -> str:
    # With the prefix a browser takes it from this very host only, and only by https.
    return "__Host-footprint-connect" if sessions.secure(app) else "footprint-connect"
