"""The published table for Microsoft 365 as data: every change, when it is made, when it goes, and what it outlives.

Order matters: things are made from top to bottom and removed from bottom to top.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.connections.stages import Stage
from shared.engine.rows import ByAdministrator, Change, Row
from shared.foundation.brand import Brand
from shared.platforms.group_members import FOLLOWS_POLICIES
from shared.platforms.microsoft365 import baselines, connectors, directory_sync, limits, rule_settings
from shared.platforms.microsoft365.activities import ACTIVITIES
from shared.platforms.microsoft365.allow_lists import ALLOW_LIST, AllowedAddress, SpoofPair
from shared.platforms.microsoft365.connectors import Connector
from shared.platforms.microsoft365.exchange_role import exchange_role
from shared.platforms.microsoft365.group_members import GroupMembership
from shared.platforms.microsoft365.groups import RENEWED, VirtualGroup
from shared.platforms.microsoft365.recycle_bin import deleted_groups_row
from shared.platforms.microsoft365.transport_rules import ORDER, ROUTING, SPREAD, TransportRule
from shared.platforms.own_records import StoredDirectory, StoredTokens

# Exchange takes half an hour, sometimes more, to act on a removed rule: mail is still routed meanwhile.
UNTIL_ROUTING_ENDS = timedelta(minutes=60)
# Mail that the scanner holds still comes back, and must be let in.
UNTIL_MAIL_IS_BACK = timedelta(hours=24)
# Not before that, whatever the service says: Exchange may still be acting on the removed rules.
UNTIL_RULES_ARE_GONE = timedelta(minutes=30)
IN_DOMAIN, IN_USER, OUT_DOMAIN, OUT_USER, JUNK, SKIP = ORDER
EXCHANGE = ("Exchange.ManageAsApp",)
LETS_OUT: Mapping[str, Any] = {"kept_for": UNTIL_ROUTING_ENDS, "kept_at_least": UNTIL_RULES_ARE_GONE}
LETS_BACK: Mapping[str, Any] = {"serves": ROUTING, **LETS_OUT, "kept_for": UNTIL_MAIL_IS_BACK}


def _application(brand: Brand, look: Any, serves: tuple[str, ...]) -> ByAdministrator:
    return ByAdministrator(
        key="application",
        title=brand.application,
        why=f"lets {brand.software} act in the tenant; made by the administrator's consent",
        accounts_for=("grant-app", "cleanup-app"),
        removed_in=Stage.CLEANUP,
        serves=serves,
        implied=True,
        removal=(
            "In the Entra admin center, under Enterprise applications, open the application with the id {client_id} "
            "and choose Properties, Delete. Then, under Deleted applications, delete it permanently."
        ),
        link="https://entra.microsoft.com/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview",
        check=look,
    )


def _rule(key: str, title: str, why: str, settings: rule_settings.RuleSettings, **more: Any) -> Change:
    routes = key in ROUTING
    return Change(
        key=key,
        title=title,
        why=why,
        resource=TransportRule(key=key, title=title, settings=settings, routes=routes),
        made_at_once=True,
        elements=limits.numbers if key in SPREAD else None,
        removed_in=Stage.REVOKE if routes else Stage.CLEANUP,
        routes=routes,
        without="mail flows unscanned" if routes else "returned mail is filtered a second time",
        permissions=EXCHANGE,
        **more,
    )


def _connector(key: str, noun: str, title: str, why: str, settings: Any, **more: Any) -> Change:
    resource = Connector(noun=noun, title=title, settings=settings)
    return Change(key=key, title=title, why=why, resource=resource, made_at_once=True, permissions=EXCHANGE, **more)


def _inbound(key: str, title: str, why: str, settings: Any, claim: str, without: str) -> Change:
    return _connector(
        key,
        "InboundConnector",
        title,
        why,
        settings,
        accounts_for=("grant-mail-flow", claim),
        without=without,
        removed_in=Stage.CLEANUP,
        **LETS_BACK,
    )


def _outbound(key: str, title: str, why: str, settings: Any, serves: tuple[str, ...]) -> Change:
    return _connector(
        key,
        "OutboundConnector",
        title,
        why,
        settings,
        accounts_for=("grant-mail-flow", "revoke-mail-flow"),
        without="mail flows unscanned or waits",
        removed_in=Stage.REVOKE,
        serves=serves,
        **LETS_OUT,
    )


def _group(direction: Any, title: str, serves: tuple[str, ...]) -> tuple[Change, Change]:
    key = f"group-{direction}"
    group = Change(
        key=key,
        title=title,
        why=f"by its members the {direction} user rule knows whose mail to route",
        accounts_for=("grant-groups", "revoke-groups"),
        permissions=("Group.ReadWrite.All",),
        resource=VirtualGroup(key=key, direction=direction, title=title),
        made_at_once=True,
        ours_in_it=frozenset({RENEWED}),
        removed_in=Stage.REVOKE,
        serves=serves,
        **LETS_OUT,
        without="mail flows unscanned",
    )
    members = Change(
        key=f"{key}-members",
        title=f"Members of {title}",
        why="follow the policies' targets",
        accounts_for=("run-groups",),
        resource=GroupMembership(direction=direction, title=title),
        ours_in_it=FOLLOWS_POLICIES,
        removed_in=Stage.REVOKE,
        needs=(key,),
        serves=(key,),
        without="mail of some users flows unscanned",
    )
    return group, members


STORED_AND_LISTED: tuple[Change, ...] = (
    Change(
        key="tokens",
        title="Stored access tokens",
        why="kept sealed, so that the tenant is not asked for a new one at every step",
        accounts_for=("grant-token",),
        resource=StoredTokens(),
        removed_in=Stage.CLEANUP,
        serves=("directory",),
        local=True,
        ours_alone=True,
    ),
    Change(
        key="directory",
        title="Stored users and groups",
        why="a copy of names and addresses, to know whom the policies protect",
        accounts_for=("run-sync",),
        resource=StoredDirectory(sync=directory_sync.sync),
        removed_in=Stage.CLEANUP,
        serves=("spoof",),
        local=True,
        ours_alone=True,
        permissions=("User.Read.All", "Group.ReadWrite.All", "Domain.Read.All"),
    ),
    Change(
        key="spoof",
        title="Spoofed senders: * with the service's sending domain",
        why="returned mail keeps its sender and is not taken for a forgery",
        accounts_for=("grant-spoof", "cleanup-spoof"),
        permissions=EXCHANGE,
        resource=SpoofPair(),
        removed_in=Stage.CLEANUP,
        **LETS_BACK,
        without="returned mail may be taken for a forgery",
    ),
    Change(
        key=ALLOW_LIST,
        title="IP Allow List",
        baselines=baselines.ALLOW_LIST,
        why="returned mail is not refused because of our addresses",
        accounts_for=("grant-ip", "cleanup-ip"),
        permissions=EXCHANGE,
        resource=AllowedAddress(),
        removed_in=Stage.CLEANUP,
        **LETS_BACK,
        without="returned mail may be refused",
        elements=connectors.egress,
        instead="the inbound connector for incoming mail with enhanced filtering, and the rule for clean mail",
    ),
)


def _mail_flow(brand: Brand) -> tuple[Change, ...]:
    return (
        _inbound(
            "inbound-incoming",
            brand.inbound_incoming,
            "brings scanned mail from outside back",
            connectors.inbound_for_incoming,
            "cleanup-inbound-in",
            "returned mail is judged by our address instead of its sender's",
        ),
        _inbound(
            "inbound-outgoing",
            brand.inbound_outgoing,
            "brings scanned mail of the organisation back on its way out",
            connectors.inbound_for_outgoing,
            "cleanup-inbound-out",
            "scanned outgoing mail is not delivered; if Exchange made it disabled, ask Microsoft's support to allow it",
        ),
        _outbound(
            "outbound-incoming",
            brand.outbound_incoming,
            "takes mail from outside to the scanner",
            connectors.outbound_for_incoming,
            (IN_DOMAIN, IN_USER),
        ),
        _outbound(
            "outbound-outgoing",
            brand.outbound_outgoing,
            "takes mail of the organisation to the scanner",
            connectors.outbound_for_outgoing,
            (OUT_DOMAIN, OUT_USER),
        ),
        *_group("incoming", brand.group_incoming, (IN_USER,)),
        *_group("outgoing", brand.group_outgoing, (OUT_USER,)),
        _rule(
            JUNK,
            brand.rule_junk,
            "what the scanner calls junk goes to the junk folder",
            rule_settings.junk,
            accounts_for=("grant-mail-flow", "cleanup-junk"),
            **LETS_BACK,
        ),
        _rule(
            SKIP,
            brand.rule_skip_spam,
            "what the scanner found clean is not filtered again",
            rule_settings.skip_spam,
            accounts_for=("grant-mail-flow", "cleanup-skip-spam"),
            baselines=baselines.CLEAN_MAIL,
            **LETS_BACK,
        ),
        _rule(
            IN_DOMAIN,
            brand.rule_incoming_domain,
            "routes mail from outside to the protected domains",
            rule_settings.incoming_domain,
            accounts_for=("grant-mail-flow", "run-rules", "revoke-mail-flow"),
            needs=("outbound-incoming", "inbound-incoming"),
        ),
        _rule(
            IN_USER,
            brand.rule_incoming_user,
            "routes mail from outside to the protected users",
            rule_settings.incoming_user,
            accounts_for=("grant-mail-flow", "run-rules", "revoke-mail-flow"),
            needs=("outbound-incoming", "inbound-incoming", "group-incoming", "group-incoming-members"),
        ),
        _rule(
            OUT_DOMAIN,
            brand.rule_outgoing_domain,
            "routes mail to the outside from the protected domains",
            rule_settings.outgoing_domain,
            accounts_for=("grant-mail-flow", "run-rules", "revoke-mail-flow"),
            needs=("outbound-outgoing", "inbound-outgoing"),
        ),
        _rule(
            OUT_USER,
            brand.rule_outgoing_user,
            "routes mail to the outside from the protected users",
            rule_settings.outgoing_user,
            accounts_for=("grant-mail-flow", "run-rules", "revoke-mail-flow"),
            needs=("outbound-outgoing", "inbound-outgoing", "group-outgoing", "group-outgoing-members"),
        ),
    )


def rows(brand: Brand, application: Any) -> tuple[Row, ...]:
    """The whole catalogue; `application` asks the sign-in host about our application in an open tenant."""
    changes = (*STORED_AND_LISTED, *_mail_flow(brand))
    served = tuple(change.key for change in changes)
    asked = (deleted_groups_row(brand, served), _application(brand, application, served), exchange_role(brand, served))
    return (*asked, *changes, *ACTIVITIES)
