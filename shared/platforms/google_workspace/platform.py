"""What this platform offers, in one place."""

import secrets
from collections.abc import Mapping
from typing import Any

from shared.connections.record import Connection
from shared.deployment.issuers import Keys
from shared.flows.app import App
from shared.foundation.clock import Clock
from shared.foundation.http_client import Wire
from shared.foundation.settings import Settings
from shared.platforms.contract import Claim, Effect, Feed, Mode, Platform, in_modes
from shared.platforms.google_workspace import NAME, TITLE, catalogue, consent, notifications
from shared.platforms.google_workspace import checks as looks
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.group import address_of
from shared.platforms.google_workspace.methods import MESSAGES_GET
from shared.platforms.google_workspace.modes import API, BY_API, BY_ROUTE, INLINE
from shared.platforms.google_workspace.published import PUBLISHED
from shared.platforms.google_workspace.scan import scan
from shared.platforms.google_workspace.scopes import PERMISSIONS, delegated
from shared.platforms.google_workspace.sign_in import SignIn
from shared.platforms.google_workspace.tenant import Doors, Tenant, open_tenant
from shared.platforms.google_workspace.trash import bins


def offer(settings: Settings, wire: Wire, keys: Keys, clock: Clock) -> Platform:
    """The platform, with one sign-in and one service account for the whole process."""
    google = settings.google
    rows = catalogue.rows(google)

    def scopes(connection: Connection) -> frozenset[str]:
        """What a connection's rows need, and no more."""
        return frozenset(name for row in in_modes(rows, connection.modes) for name in row.permissions)

    doors = Doors(
        sign_in=SignIn(google, wire, keys, clock),
        delegation=Delegation(google, wire, clock),
        scopes=lambda connection: delegated(scopes(connection)),
    )

    async def words(app: App, connection: Connection) -> Mapping[str, str]:
        return await _words(app, connection, doors, scopes(connection))

    async def same_tenant(_expected: str, _claim: Claim) -> bool:
        """A claim names everything that it may be called; what is not among that is another customer."""
        return False

    async def residue(_tenant: Tenant) -> list[dict[str, Any]]:
        """Google keeps nothing for a while that is ours."""
        return []

    return Platform(
        name=NAME,
        title=TITLE,
        rows=rows,
        published=PUBLISHED,
        permissions=PERMISSIONS,
        modes=(Mode(name=API, title="API-based protection"), Mode(name=INLINE, title="Inline protection")),
        actions=frozenset({"label", "spam", "quarantine", "trash", "pass"}),
        proves_who=True,
        effects=(
            Effect(
                text="Delivery is as before. A message is read once it is in a mailbox, mostly within seconds, and is "
                "left alone unless a policy means it: then it is labelled, or moved to spam, trash or quarantine, as "
                "that policy says. From quarantine it can be put back for 30 days.",
                modes=BY_API,
            ),
            Effect(
                text="Once you have added the rule, the route and the gateway, mail that comes in for the people whom "
                "the policies protect passes through the service before it is delivered. Mail of everybody else flows "
                "as before.",
                modes=BY_ROUTE,
            ),
            Effect(text="No message is changed or deleted while access is granted or revoked."),
        ),
        after_consent=(
            "Sign in as a super administrator and leave every box ticked. The application must be installed for "
            "everyone in the organisation, with its data access granted; mail routing is set up by steps that follow."
        ),
        how_it_ends=(
            "When access is revoked, no mailbox is read any more and the group is emptied at once, so that mail is "
            "delivered as before. What is stored of your users, policies and tokens is deleted. You then remove the "
            "rule, the route and, a day later, the gateway and the application, and receive a signed record of "
            "everything that was made and removed. Labels stay on the messages that have them."
        ),
        words=words,
        consent_url=lambda app, asked: consent.consent_url(doors.sign_in, app, asked),
        claimed=lambda app, asked, query: consent.claimed(doors.sign_in, app, asked, query),
        disown=lambda _app, claim: consent.disown(doors.sign_in, claim),
        same_tenant=same_tenant,
        prove=lambda app, connection, claimed: consent.prove(
            doors.delegation, app, connection, claimed, doors.scopes(connection)
        ),
        open=lambda app, connection, ledger: open_tenant(app, connection, ledger, doors),
        headers=lambda: {"return header": secrets.token_hex(16)},
        residue=residue,
        feed=Feed(
            source=notifications.SOURCE,
            take=lambda app, headers, body: notifications.take(app, NAME, headers, body),
            scan=lambda app, connection: scan(doors.delegation, app, connection),
            bins=lambda app, connection: bins(doors.delegation, app, connection),
            reads=MESSAGES_GET.id,
        ),
        recorded=looks.recorded,
    )


async def _words(app: App, connection: Connection, doors: Doors, scopes: frozenset[str]) -> Mapping[str, str]:
    """What stands for `{name}` in the administrator's steps."""
    mail = app.settings.mail.at(connection.site)
    (secret,) = await app.seal.headers(connection)
    domain = str(connection.administrator or connection.expected_tenant or "").rpartition("@")[2] or "…"
    return {
        "client_id": doors.delegation.client_id,
        "scopes": ",".join(sorted(scopes)),
        "marketplace": app.settings.google.marketplace_url,
        "route": looks.route_name(connection.label),
        "host": mail.gateway_host.replace("{connection}", connection.label),
        "port": str(mail.gateway_port),
        "egress": ", ".join(map(str, mail.egress)),
        "group": address_of(connection.label, domain),
        "return_header": f"{app.settings.mail.return_header}: {secret}",
    }
