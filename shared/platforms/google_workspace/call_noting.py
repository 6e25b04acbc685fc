"""How calls come into the access and operation log: who was impersonated, what was called, what came of it."""

from datetime import datetime

from shared.connections.call_log import Operation, Operations
from shared.foundation.clock import Clock
from shared.foundation.http_client import Try
from shared.platforms.google_workspace.api import Note
from shared.platforms.google_workspace.methods import Method

# A token of the service account is asked for as well; it is no method of an API and has no name there.
MINT = "oauth2.token"


def call_recorder(operations: Operations, clock: Clock, *, client: str, subject: str | None, run: str) -> Note:
    """Notes the calls of one account in a run."""

    def note(method: Method, target: str | None, one: Try, reason: str | None) -> None:
        operations.add(
            Operation(
                at=clock.now(),
                run=run,
                client=client,
                subject=subject,
                method=method.id,
                target=target,
                status=one.status,
                reason=reason or None,
                attempt=one.attempt,
                milliseconds=round(one.seconds * 1000),
                quota=method.quota,
            )
        )

    return note


def token_call(at: datetime, *, client: str, subject: str | None, run: str, refused: str | None = None) -> Operation:
    """That a token was asked for, and whether it was given; never the token."""
    return Operation(
        at=at,
        run=run,
        client=client,
        subject=subject,
        method=MINT,
        target=None,
        status=400 if refused else 200,
        reason=refused,
        attempt=1,
        milliseconds=0,
        quota=0,
    )
