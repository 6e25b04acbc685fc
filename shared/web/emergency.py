"""Whether it is an emergency still: the break-glass account is good only while the issuer cannot be asked."""

import hmac

from shared.deployment.issuers import ISSUER_TIMEOUT_SECONDS
from shared.flows.app import App
from shared.foundation.errors import Temporary


async def is_open(app: App, digest: str) -> bool:
    """Whether a session that this secret has begun may go on: it is still the secret, and the issuer is still down."""
    return hmac.compare_digest(digest, app.settings.operators.break_glass) and not await issuer_answers(app)


async def issuer_answers(app: App) -> bool:
    """Asked now: what is known of the issuer from before says nothing."""
    issuer = app.settings.operators.issuer
    if not issuer:
        return False
    try:
        async with app.wire.client("/".join(issuer.split("/")[:3])) as http:
            url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            return (await http.send("GET", url, timeout=ISSUER_TIMEOUT_SECONDS)).status == 200
    except Temporary:
        return False
