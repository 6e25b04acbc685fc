"""What this platform offers, in one place."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from shared.connections import call_log
from shared.connections.lease import Lease
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.connections.tokens import Tokens
from shared.deployment.context import Context
from shared.engine.last_look import Search
from shared.engine.ledger import Ledger
from shared.engine.rows import Published, Row
from shared.foundation.brand import Brand
from shared.foundation.codes import Code
from shared.platforms.contract import AfterConsent, Compared, Consent, ConsentResult, Effect, Feed, Mode, Permission
from shared.platforms.google_workspace import catalogue, checks, consent, directory_sync, notifications, published
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.group import address_of
from shared.platforms.google_workspace.methods import MESSAGES_GET
from shared.platforms.google_workspace.modes import API, BY_API, BY_ROUTE, INLINE
from shared.platforms.google_workspace.name import NAME, TITLE
from shared.platforms.google_workspace.scan import RECEIVER, scan
from shared.platforms.google_workspace.scopes import PERMISSIONS, USED_BY, delegated
from shared.platforms.google_workspace.searches import SEARCHES
from shared.platforms.google_workspace.sign_in import SignIn
from shared.platforms.google_workspace.tenant import Credentials, WorkspaceCustomer, open_tenant
from shared.platforms.google_workspace.trash import Trash, trash
from shared.platforms.rows import rows_of
from shared.storage.ids import ConnectionId

# What is made in the Admin console has no API, and a mailbox can be opened only while the application is installed.
NOT_CHECKABLE = (
    (INLINE, "A mail route or an inbound gateway made again", "Google's APIs do not tell them once they were removed"),
    (API, "Labels in mailboxes", "each was checked while its mailbox was accessible; not possible afterwards"),
    (API, "Messages in the bin", "a message that a policy moved there stays until Gmail empties it after 30 days"),
)


class GmailFeed:
    """Gmail's notifications by Pub/Sub push, and what reads the mailboxes that they name."""

    source: str = notifications.SOURCE
    reads: str = MESSAGES_GET.id
    receiver: str = RECEIVER

    def __init__(self, context: Context, delegation: Delegation) -> None:
        self.context, self.delegation = context, delegation
        self.take = notifications.Notifications(context, NAME).take

    async def scan(self, connection: Connection) -> None:
        """Read some of the mailboxes that have news."""
        await scan(self.delegation, self.context, connection)

    def trash(self, connection: Connection) -> AbstractAsyncContextManager[Trash]:
        """The trash of the connection's mailboxes, for one run."""
        return trash(self.delegation, self.context, connection)


class GoogleWorkspace:
    """The platform, with one sign-in and one service account for the whole process."""

    name: str = NAME
    title: str = TITLE
    permissions: tuple[Permission, ...] = PERMISSIONS
    modes: tuple[Mode, ...] = (
        Mode(name=API, title="API-based protection"),
        Mode(name=INLINE, title="Inline protection"),
    )
    actions: frozenset[str] = frozenset({"label", "spam", "quarantine", "trash", "pass"})
    compares_books: bool = False  # a method's name is all that Google's log tells, so that a person compares
    tells_of_changes: bool = True
    searches: tuple[Search, ...] = SEARCHES
    effects: tuple[Effect, ...] = (
        Effect(
            text="Delivery is unchanged. Messages are scanned after delivery, usually within seconds. Nothing happens "
            "to a message unless it matches a policy, which may label the message or move it to spam, trash or "
            "quarantine. A quarantined message can be released for 30 days.",
            modes=BY_API,
        ),
        Effect(
            text="Once you have added the rule, the route and the gateway, mail that comes in for the people whom "
            "the policies protect passes through the service before it is delivered. Mail of everybody else flows "
            "as before.",
            modes=BY_ROUTE,
        ),
        Effect(text="No message is changed or deleted while access is granted or revoked."),
    )
    consent_by: str = "A super administrator of the organisation can consent. Leave every box ticked."
    after_consent: AfterConsent = AfterConsent(
        reason="delegation_not_effective",
        sentence="The application must be installed for everyone in the organisation, with its data access granted: "
        "open the Marketplace listing, choose Admin install, Everyone at your organisation. Mail routing is set up by "
        "steps that follow.",
        link="{marketplace}",
        values=(("Client id", "{client_id}"),),
    )
    how_it_ends: str = (
        "When access is revoked, no mailbox is read any more and the group is emptied at once, so that mail is "
        "delivered as before. What is stored of your users, policies and tokens is deleted. You then remove the "
        "rule, the route and, a day later, the gateway and the application, and receive a signed record of "
        "everything that was made and removed. Labels stay on the messages that have them."
    )

    def __init__(self, context: Context) -> None:
        self.context = context
        google, wire, clock = context.settings.google, context.wire, context.clock
        self.credentials = Credentials(
            sign_in=SignIn(google, wire, context.issuers, clock),
            delegation=Delegation(google, wire, clock),
            scopes=lambda connection: delegated(self._scopes(connection)),
        )
        self.feed: Feed | None = GmailFeed(context, self.credentials.delegation)

    def codes(self) -> tuple[Code, ...]:
        """What a person does about each code that only this platform has."""
        from shared.platforms.google_workspace import codes

        return codes.CODES

    def rows(self, brand: Brand) -> tuple[Row, ...]:
        """The whole catalogue, with the names of a brand."""
        return catalogue.rows(brand, self.context.settings.google)

    def published(self, brand: Brand) -> tuple[Published, ...]:
        """The published table, with the names of a brand."""
        return published.published(brand)

    def _scopes(self, connection: Connection) -> frozenset[str]:
        """What a connection's rows need, and no more."""
        return frozenset(name for row in rows_of(self, connection) for name in row.permissions)

    async def words(self, connection: Connection) -> Mapping[str, str]:
        """What stands for `{name}` in the administrator's steps."""
        settings = self.context.settings
        mail = settings.mail.at(connection.site)
        (secret,) = await header_secrets(self.context.seal, connection)
        domain = str(connection.administrator or connection.expected_tenant or "").rpartition("@")[2] or "…"
        return {
            "application": connection.brand.application,
            "client_id": self.credentials.delegation.client_id,
            "scopes": ",".join(sorted(self._scopes(connection))),
            "marketplace": settings.google.marketplace_url,
            "route": checks.route_name(connection),
            "host": mail.gateway_host.replace("{connection}", connection.label),
            "port": str(mail.gateway_port),
            "egress": ", ".join(map(str, mail.egress)),
            "group": address_of(connection, domain),
            "return_header": f"{connection.brand.return_header}: {secret}",
        }

    def new_secrets(self) -> dict[str, str]:
        """What returned mail must bear to be trusted."""
        return {"return header": secrets.token_hex(16)}

    async def consent_url(self, asked: Consent) -> str:
        """Google's page for an administrator's consent."""
        return await consent.consent_url(self.credentials.sign_in, self.context, asked)

    async def consent_result(self, asked: Consent, query: Mapping[str, str]) -> ConsentResult:
        """Who consented, and for which customer."""
        return await consent.consent_result(self.credentials.sign_in, self.context, asked, query)

    async def give_back(self, result: ConsentResult, *, of: ConnectionId | None = None) -> None:
        """Give a grant back, unless a connection uses it."""
        await consent.give_back(self.credentials.sign_in, self.context, result, of)

    async def same_tenant(self, _expected: str, _result: ConsentResult) -> bool:
        """A result holds every name of its customer; what is not among them is another customer."""
        return False

    async def prove(self, connection: Connection, claimed: str) -> str:
        """The customer's id, read with the delegation itself."""
        credentials = self.credentials
        return await consent.prove(
            credentials.delegation, self.context, connection, claimed, credentials.scopes(connection)
        )

    def open(self, connection: Connection, ledger: Ledger) -> AbstractAsyncContextManager[WorkspaceCustomer]:
        """The customer, for one run."""
        from shared.platforms.google_workspace.mail_drift import MailWatch

        watch = MailWatch if INLINE in connection.modes else None
        return open_tenant(self.context, connection, ledger, self.credentials, watch)

    @asynccontextmanager
    async def tokens(self, connection: Connection, lease: Lease) -> AsyncIterator[Tokens]:
        """What renews the tokens: both the grant and the log of calls are the customer's."""
        ledger = Ledger(self.context.database, self.context.clock, lease, {})
        async with open_tenant(self.context, connection, ledger, self.credentials, None) as customer:
            yield customer.tokens

    async def sync(self, tenant: WorkspaceCustomer, *, accept_loss: bool) -> None:
        """Bring our copy of the directory up to date."""
        await directory_sync.sync(tenant, accept_loss=accept_loss)

    async def residue(self, _tenant: WorkspaceCustomer) -> list[dict[str, Any]]:
        """Google keeps nothing for a while that is ours."""
        return []

    async def not_checkable(self, tenant: WorkspaceCustomer) -> list[dict[str, Any]]:
        """What the administrator does where Google has no API, and what lies in mailboxes we cannot open any more."""
        modes = tenant.connection.modes
        return [{"title": title, "why": why} for mode, title, why in NOT_CHECKABLE if mode in modes]

    def history(self) -> None:
        """No snapshots of the mail flow: most of it is nothing that an API shows."""

    async def compared(self, tenant: WorkspaceCustomer, begin: datetime, end: datetime) -> Compared:
        """How often we called what, by our log of calls and by Google's own token log."""
        ours = await call_log.counted(self.context.database, tenant.connection.id, begin, end)
        theirs = await checks.recorded(tenant, begin, end)
        return Compared(methods={name: (ours.get(name, 0), theirs.get(name, 0)) for name in {*ours, *theirs}})

    async def unused(self, connection: Connection, since: datetime) -> Sequence[Permission]:
        """The scopes that no call of the log has used since then."""
        called = await call_log.counted(self.context.database, connection.id, since, self.context.clock.now())
        mine = self._scopes(connection) & USED_BY.keys()
        needless = {name for name in mine if not any(method.startswith(USED_BY[name]) for method in called)}
        return [one for one in PERMISSIONS if one.name in needless]

    async def quiet_since(self, tenant: WorkspaceCustomer, since: datetime) -> bool:
        """Whether the admin log tells of nothing since then."""
        return await checks.quiet_since(tenant, since)
