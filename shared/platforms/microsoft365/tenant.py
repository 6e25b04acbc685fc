"""One Microsoft 365 tenant, opened for one run: its clients, its secrets, and what has been read from it so far."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from shared.connections import choices
from shared.connections.choices import Choice
from shared.connections.grants import CONSENT_GIVEN
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.connections.tokens import Tokens
from shared.deployment.context import Context
from shared.engine import chain
from shared.engine.concerns import Concern
from shared.engine.effects import Drift
from shared.engine.ledger import Holding, Ledger
from shared.foundation.brand import Brand
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.foundation.platform_settings import MailSite, Microsoft
from shared.platforms.microsoft365.entra import Entra, TokenRefused
from shared.platforms.microsoft365.exchange import Dehydrated, Exchange
from shared.platforms.microsoft365.graph import Graph, GraphRefused
from shared.platforms.microsoft365.listed_records import completed
from shared.platforms.microsoft365.sign_in_refusals import NotThere, perhaps_too_early
from shared.platforms.microsoft365.watched_mail import Watch
from shared.protection.targets import Targets

Record = dict[str, Any]
Answer = TypeVar("Answer")
# What is read of our groups.
GROUP = ("displayName", "mailNickname", "mail", "visibility")
SELECT = ",".join(("id", "expirationDateTime", *GROUP))
# Somebody else is changing the same at the same moment: no word against what was asked.
CONFLICTS = frozenset({409, 412})


class MicrosoftTenant:
    """What the Microsoft 365 resources are given."""

    def __init__(
        self,
        *,
        context: Context,
        connection: Connection,
        ledger: Ledger,
        tokens: Tokens,
        graph: Graph,
        exchange: Exchange,
        secrets: Sequence[str],
        watch: Callable[["MicrosoftTenant"], Watch],
        said: Mapping[str, Choice],
    ) -> None:
        self.context, self.connection, self.ledger = context, connection, ledger
        self.tokens, self.graph, self.exchange = tokens, graph, exchange
        self.return_secret, self.loop_secret = secrets
        self.opened_at, self.choices = context.clock.now(), said
        self._read: dict[str, asyncio.Future[Any]] = {}
        self.targets, self._ahead = Targets(context.database, connection.id), False
        self._watch = watch(self)

    @property
    def drained_at(self) -> datetime | None:
        """When the service last said that nothing of this tenant's mail is in flight."""
        return self.connection.drained_at

    @property
    def paused(self) -> bool:
        """Whether mail is not to be routed to the scanner now."""
        until = self.connection.paused_until
        return until is not None and self.now < until

    @property
    def now(self) -> datetime:
        """The time."""
        return self.context.clock.now()

    @property
    def microsoft(self) -> Microsoft:
        """How we reach Microsoft and who we are there."""
        return self.context.settings.microsoft

    @property
    def site(self) -> MailSite:
        """The addresses of the scanning service at the connection's site."""
        return self.context.settings.mail.at(self.connection.site)

    @property
    def brand(self) -> Brand:
        """The names of this connection's objects."""
        return self.connection.brand

    @property
    def mark(self) -> str:
        """What we write on objects that have a comment, so that we know our own and people know whose they are."""
        return self.brand.mark(self.connection.id)

    def name(self, title: str) -> str:
        """An object's name in Exchange."""
        return self.microsoft.name_prefix + title

    def forget_reads(self) -> None:
        """Forget what was read."""
        self._read.clear()
        self.targets = Targets(self.context.database, self.connection.id)
        self._watch.forget()

    async def once(self, what: str, read: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """What is read of `what`, once until forget_reads. What fails is raised once, then read again."""
        if what not in self._read:
            self._read[what] = asyncio.ensure_future(read())
        try:
            found: Answer = await self._read[what]
        except BaseException:
            if not self._ahead:
                self._read.pop(what, None)
            raise
        return found

    async def listing(self, cmdlet: str, **parameters: Any) -> list[Record]:
        """Every record that a Get cmdlet lists, read once until forget_reads. The listing is complete or it raises."""

        async def rows() -> list[Record]:
            return completed(cmdlet, (await self.exchange.invoke(cmdlet, **parameters)).rows)

        return await self.once(cmdlet, rows)

    def keep(self, cmdlet: str, rows: list[Record]) -> list[Record]:
        """Keep what a Get cmdlet lists, read in another way, until forget_reads."""
        rows = completed(cmdlet, rows)
        self._read[cmdlet] = asyncio.get_running_loop().create_future()
        self._read[cmdlet].set_result(rows)
        return rows

    async def look_ahead(self) -> None:
        """Of a running tenant: read side by side what a plan reads. What fails raises where it is needed."""
        if self.connection.stage is Stage.RUN:
            self._ahead = True
            await self._watch.look_ahead()
            self._ahead = False

    async def address(self, group: Holding) -> str | None:
        """A group's address as it is now, by which Exchange shows it in rules; the last one known if it is gone.

        None: a new group has none for some minutes.
        """
        found: Mapping[str, Any] = group.seen or {}
        if group.identity:
            with suppress(Missing):
                found = await self.group(group.identity)
        return found.get("mail")

    async def group(self, identity: str) -> Record:
        """A group's settings in Graph, read once until forget_reads. Raises Missing."""
        path = f"/v1.0/groups/{identity}"
        return await self.once(path, lambda: self.graph.get(path, **{"$select": SELECT}))

    @property
    def modelled(self) -> frozenset[str]:
        """Keys of the rows whose objects the model of the mail flow sees."""
        return self._watch.modelled

    async def mail_drift(self) -> Sequence[Drift] | None:
        """What others changed since mail last flowed as it should; None before the first look at a running tenant."""
        return await self._watch.drifts()

    async def repair_harms(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Of our objects by key, those whose repair would do harm as everything else is now, with that in words."""
        return await self._watch.repair_harms(keys)

    async def concerns(self) -> Sequence[Concern] | None:
        """What in the tenant would harm mail once we are in it, by the listings as they are now."""
        return await self._watch.concerns()

    async def keep_mail_flow(self) -> None:
        """Remember the present mail flow as the one that should be, but for what harms mail in it."""
        await self._watch.keep()

    async def note_mail_flow(self, why: str) -> None:
        """Keep a snapshot of the present mail flow, unless nothing has changed since the last one."""
        await self._watch.note(why)


def tokens_of(context: Context, connection: Connection, entra: Entra) -> Tokens:
    """A connection's tokens of Graph and of Exchange. Raises Permanent where nobody has consented."""
    settings, tenant = context.settings.microsoft, _tenant(connection)

    async def fetch(resource: str) -> tuple[str, datetime]:
        try:
            token = await entra.token(tenant, resource)
        except NotThere as refused:
            raise perhaps_too_early(refused, await _consented_at(context, connection), context.clock.now()) from None
        return token.value, token.expires_at

    return Tokens(
        database=context.database,
        seal=context.seal,
        clock=context.clock,
        connection_id=connection.id,
        resources=(settings.graph_url, settings.exchange_url),
        fetch=fetch,
        keep=connection.stage < Stage.CLEANUP,
    )


def _tenant(connection: Connection) -> str:
    if connection.tenant is None:
        raise Permanent("not_connected", "Consent is missing. Send the invitation to the customer's administrator.")
    UUID(connection.tenant)  # it becomes part of a path
    return connection.tenant


@asynccontextmanager
async def open_tenant(
    context: Context, connection: Connection, ledger: Ledger, entra: Entra, watch: Callable[[MicrosoftTenant], Watch]
) -> AsyncIterator[MicrosoftTenant]:
    """Open a connection's tenant. A token that the tenant refuses is thrown away, for it never learns."""
    tenant, settings = _tenant(connection), context.settings.microsoft
    tokens = tokens_of(context, connection, entra)
    async with context.wire.client(settings.graph_url) as graph, context.wire.client(settings.exchange_url) as exchange:
        opened = MicrosoftTenant(
            context=context,
            connection=connection,
            ledger=ledger,
            tokens=tokens,
            graph=Graph(graph, lambda: tokens.get(settings.graph_url), context.clock),
            exchange=Exchange(exchange, lambda: tokens.get(settings.exchange_url), tenant),
            secrets=await header_secrets(context.seal, connection),
            watch=watch,
            said=await choices.standing(context.database, connection.id, context.clock.now()),
        )
        try:
            yield opened
        except TokenRefused:
            for resource in tokens.resources:
                await tokens.discard(resource)
            raise
        except Dehydrated:
            await _customise(opened)
            raise
        except GraphRefused as refused:
            if refused.status in CONFLICTS:
                words = f"Microsoft Graph found a conflict ({refused.status}, {refused.code}): {refused.sentence}"
                raise Temporary("platform_unavailable", words) from None
            # No resource could make sense of it, so a person has to.
            raise Permanent(
                "refused",
                f"Microsoft Graph refused a call ({refused.status}, {refused.code}): {refused.sentence} Report this as "
                "an internal error.",
            ) from None


async def _consented_at(context: Context, connection: Connection) -> datetime | None:
    """When an administrator gave the consent that may not have spread yet: the first, or one given anew later on."""
    if connection.stage <= Stage.GRANT:
        return connection.asked_at or connection.stage_since
    last = await chain.last_order(context.database, connection.id, "connection", note=CONSENT_GIVEN)
    return last if last is not None and last > connection.stage_since else None


async def _customise(tenant: MicrosoftTenant) -> None:
    """Have the organisation customised, once; Exchange takes such objects only some time after that."""
    (organisation,) = (await tenant.exchange.invoke("Get-OrganizationConfig")).rows
    if organisation["IsDehydrated"]:
        await tenant.ledger.remark(
            "organisation", "Exchange asked for the organisation to be customised, which cannot be undone."
        )
        await tenant.exchange.invoke("Enable-OrganizationCustomization")
