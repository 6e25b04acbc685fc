"""Snapshots of a tenant's mail flow: kept at each change, compared, and turned into a script that puts one back."""

import json
from collections.abc import Mapping
from typing import Any

from shared.connections import snapshots
from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.platforms.history import FlowChange, FlowPicture
from shared.platforms.microsoft365 import mail_reading
from shared.platforms.microsoft365.mail_flow.picture import pictures
from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot, changed, done, told
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.platforms.microsoft365.undo import script
from shared.protection.targets import Targets

# What stands for the secret of returned mail and for that of routed mail. Words of letters, as the secrets are.
NAMES = ("return-header-secret", "loop-header-secret")


async def note(tenant: MicrosoftTenant, snapshot: Snapshot, why: str) -> None:
    """Keep a snapshot with our secrets by name, unless nothing has changed since the last."""
    context, text = tenant.context, snapshot.to_json()
    for secret, name in zip((tenant.return_secret, tenant.loop_secret), NAMES, strict=True):
        text = text.replace(secret, name)
    facts = {
        "rules": [told(rule) for rule in snapshot.rules],
        "things": {kind: {key: told(one) for key, one in things.items()} for kind, things in snapshot.things.items()},
    }
    await snapshots.note(
        context.database,
        context.seal,
        tenant.connection.id,
        text,
        of=json.dumps(facts, sort_keys=True),
        why=why,
        now=snapshot.at,
    )


class MailHistory:
    """What the platform makes of snapshots that were kept. `ours` has the recorded identities of our objects."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def content(self, text: str) -> Mapping[str, Any]:
        """One snapshot as JSON."""
        kept: Mapping[str, Any] = json.loads(text)
        return kept

    def changes(self, before: str, after: str, ours: frozenset[str]) -> list[FlowChange]:
        """What differs between two snapshots, object by object."""
        old, new = Snapshot.from_json(before), Snapshot.from_json(after)
        return [
            FlowChange(
                kind=key[0],
                identity=key[1],
                title=mail_reading.title(new.of(key) or old.of(key), key),
                done=done(old, new, key),
                ours=key[1] in ours,
            )
            for key in changed(old, new)
        ]

    async def pictures(self, connection: Connection, text: str) -> list[FlowPicture]:
        """The ways of mail in a snapshot, for whom the policies protect now."""
        snapshot = Snapshot.from_json(text)
        service = mail_reading.service_of(self._context, connection, *NAMES)
        protected = await mail_reading.protected_by(Targets(self._context.database, connection.id))
        return pictures(snapshot.listing(), service, protected, snapshot.at)

    def undo(self, then: str, now: str, ours: frozenset[str]) -> str:
        """A script for PowerShell that puts the customer's objects back to what they were then."""
        return script(Snapshot.from_json(then), Snapshot.from_json(now), ours)
