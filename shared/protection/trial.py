"""What a policy would do to one message, without doing it: nothing is kept, changed or asked of a platform."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.protection import directory
from shared.protection.inspection.conditions import Finding
from shared.protection.inspection.impersonation import Known, known
from shared.protection.policies import Policy
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

NOT_ASKED = Finding(kind="incomplete", why="The scanner is not asked in a trial.")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Whether a policy means a message, why, and what could not be looked at."""

    meant: bool
    findings: tuple[Finding, ...]
    incomplete: tuple[Finding, ...]


async def everybody(
    database: Database, connection_id: ConnectionId, policies: Sequence[Policy], receiver: str
) -> Known:
    """What the policies' conditions need to know of the organisation; `receiver` takes its mail in."""
    named = any(policy.conditions.impersonation for policy in policies)
    domains = [row["name"] for row in await directory.domains(database, connection_id)]
    people = await directory.people(database, connection_id) if named else []
    # Of some thousand names it takes a while.
    return await asyncio.to_thread(known, receiver=receiver, domains=domains, people=people)


async def tried(policy: Policy, message: bytes, tenant: Known) -> Trial:
    """Hold a message against a policy as a scan would, whether or not the policy is enabled."""
    from shared.protection.inspection.inspect import judge

    found = await asyncio.to_thread(judge, message, policy.conditions, tenant)
    found += (NOT_ASKED,) if policy.conditions.scanner else ()
    findings = tuple(one for one in found if one.kind != "incomplete")
    # One of all is the scanner, and what it says is not known.
    meant = bool(findings) and not (policy.conditions.scanner and policy.conditions.match == "all")
    return Trial(meant=meant, findings=findings, incomplete=tuple(one for one in found if one.kind == "incomplete"))
