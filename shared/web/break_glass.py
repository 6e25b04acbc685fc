"""The break-glass account: signs in with a sealed secret of the deployment while the issuer cannot be asked, loudly."""

import hashlib
import hmac
import logging

from shared.connections import halts, record
from shared.engine import chain
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web import sessions
from shared.web.accounts import same_origin
from shared.web.actors import BREAK_GLASS, Actor, Role
from shared.web.emergency import issuer_answers
from shared.web.http import Request, Response, redirect
from shared.web.pages import page
from shared.web.pages.forms import one, posted

log = logging.getLogger(__name__)


async def form(app: App, _request: Request) -> Response:
    """Where the secret is typed."""
    _offered(app)
    return page(app, "break_glass.html")


async def enter(app: App, request: Request) -> Response:
    """Begin a session as administrator of everything. Every open connection's ledger says so."""
    wanted = _offered(app)
    same_origin(app, request)
    given = hashlib.sha256(one(posted(request), "secret").encode()).hexdigest()
    if not hmac.compare_digest(given, wanted):
        log.critical("break-glass secret refused")
        raise Refused(403, "secret_not_valid", "This is not the deployment's break-glass secret.")
    if await issuer_answers(app):
        log.critical("break-glass secret given while the issuer answers")
        raise Refused(409, "issuer_answers", "The issuer answers: sign in there. This door is for when it does not.")
    actor, now = Actor(name=BREAK_GLASS, role=Role.ADMIN), app.clock.now()
    log.critical("break-glass account signed in")
    for connection_id in await halts.within(app.database, halts.EVERYTHING):
        connection = await record.find(app.database, connection_id)
        if connection is not None:
            async with app.database.write() as write:
                await chain.order(write, connection, now, actor.name, "BREAK GLASS: signed in without the issuer")
    return redirect("/", **{"Set-Cookie": await sessions.begin(app, actor, wanted)})


def _offered(app: App) -> str:
    wanted = app.settings.operators.break_glass
    if not wanted:
        raise Refused(404, "no_break_glass", "This deployment has no break-glass account.")
    return wanted
