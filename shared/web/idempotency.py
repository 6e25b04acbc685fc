"""A request that bears an `Idempotency-Key` is carried out once, however often it arrives, and always answered alike.

What is answered is kept sealed, for it may hold a consent link.
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.deployment.sealing import DEPLOYMENT, Box
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.storage import idempotency_keys
from shared.storage.database import guarded
from shared.web.http import KEY_HEADER, Request, Response

REPLAYED = {"Idempotency-Replayed": "true"}
# Visible ASCII.
KEY = re.compile(r"[!-~]{1,255}")
RETRY_AFTER = timedelta(seconds=1)


async def once(app: App, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """What `work` answers, refusals too, or answered to the same request of the same account before.

    Every transaction of the work notes that the request is carried out. What fails with a status of 5xx before anything
    was written may be tried again. Raises Refused 400 `key_not_valid`, 409 `still_being_answered`, 409 `answer_lost` or
    422 `idempotency_key_reused`.
    """
    key = request.headers[KEY_HEADER]
    if not KEY.fullmatch(key):
        raise Refused(400, "key_not_valid", "Idempotency-Key: must be 1 to 255 visible ASCII characters.")
    who = [request.actor.subject, request.actor.customer, request.method, request.path, key]
    number, digest = hashlib.sha256(json.dumps(who).encode()).hexdigest(), hashlib.sha256(request.body).hexdigest()
    began = app.clock.now()
    # First, for what is done and cannot be noted as answered would be done again.
    box = await app.seal.box(DEPLOYMENT)
    known = await idempotency_keys.begin(app.database, number, digest, began)
    if known is not None:
        return _again(box, number, digest, known, began)
    with guarded(lambda write: idempotency_keys.carry_out(write, number, began)):
        answer = await work()
    if answer.status >= 500 and await idempotency_keys.forget(app.database, number, began):
        return answer
    content = json.dumps([dict(answer.headers), base64.b64encode(answer.body).decode()])
    sealed = box.seal(content, about=_about(number))
    await idempotency_keys.finish(app.database, number, began, status=answer.status, sealed=sealed)
    return answer


def _again(box: Box, number: str, digest: str, known: idempotency_keys.Known, now: datetime) -> Response:
    if known.digest != digest:
        raise Refused(422, "idempotency_key_reused", "Idempotency-Key: sent before, with another body.")
    if known.status is None and known.carried_out and known.at <= now - idempotency_keys.ANSWER_TIMEOUT:
        raise Refused(
            409,
            "answer_lost",
            "The same request came before and was carried out, and its answer was lost. Read what there is now.",
        )
    if known.status is None or known.sealed is None:
        raise Refused(
            409,
            "still_being_answered",
            "The same request came before and is being carried out. Ask again soon.",
            after=RETRY_AFTER,
        )
    headers, body = json.loads(box.unseal(known.sealed, about=_about(number)))
    kept = Response(status=known.status, headers=headers, body=base64.b64decode(body))
    return replace(kept, headers={**kept.headers, **REPLAYED})


def _about(number: str) -> str:
    return f"answer {number}"
