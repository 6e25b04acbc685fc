"""One mailbox, opened in its owner's name, and what a refusal means there: the owner's matter or the tenant's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from shared.connections.call_log import Operations
from shared.foundation.clock import Clock
from shared.foundation.errors import FootprintError, Permanent
from shared.foundation.http_client import Http
from shared.platforms.google_workspace.api import Api, GoogleRefused
from shared.platforms.google_workspace.call_noting import call_recorder, token_call
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.scopes import MAILBOX

SCOPES = frozenset({MAILBOX})
# Until the next synchronisation has a chance to know better.
UNTIL_KNOWN_BETTER = timedelta(hours=20)


class Closed(FootprintError):
    """One mailbox cannot be opened, which is its owner's matter and nobody else's."""


class Mailboxes:
    """Gmail, for any number of mailboxes one after the other."""

    def __init__(self, http: Http, delegation: Delegation, operations: Operations, clock: Clock, *, run: str) -> None:
        self._http, self._delegation, self._operations = http, delegation, operations
        self._clock, self._run = clock, run

    @asynccontextmanager
    async def open(self, address: str) -> AsyncIterator[Api]:
        """A mailbox's own API. Raises Closed for what is its owner's matter."""

        async def fresh() -> str:
            self._delegation.drop(address)
            return await kept()

        async def kept() -> str:
            held = self._delegation.holds(address, SCOPES)
            refused: str | None = None
            try:
                return (await self._delegation.token(address, SCOPES)).value
            except TokenRefused as error:
                refused = error.family.name.lower()
                raise
            finally:
                if not held:
                    self._operations.add(
                        token_call(
                            self._clock.now(),
                            client=self._delegation.address,
                            subject=address,
                            run=self._run,
                            refused=refused,
                        )
                    )

        note = call_recorder(
            self._operations, self._clock, client=self._delegation.address, subject=address, run=self._run
        )
        try:
            yield Api(self._http, token=kept, renew=fresh, clock=self._clock, note=note)
        except TokenRefused as refused:
            # Outside the application's installation a user is refused in the tenant's words; the administrator's own
            # token, which is renewed hourly, shows whether it is the tenant.
            if refused.family in (Family.USER, Family.TENANT, Family.GRANT):
                raise Closed("mailbox_closed", f"Google gives no token for it: {refused.sentence}") from None
            raise
        except GoogleRefused as refused:
            # Whatever Gmail refuses in one mailbox says nothing of any other.
            raise Closed("mailbox_closed", refused.sentence) from None


def set_up_wrongly(refused: FootprintError) -> Permanent | None:
    """Gmail's word for a topic that it may not publish to: our own set-up, and so everybody's matter."""
    if "Cloud PubSub" not in refused.sentence:
        return None
    return Permanent(
        "topic_not_writable",
        "Gmail may not publish to this deployment's topic. Give gmail-api-push@system.gserviceaccount.com the role "
        "Pub/Sub Publisher on it.",
    )
