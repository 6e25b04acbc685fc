"""The published table for Gmail as data: every change, when it is made, when it goes, and what it outlives.

Order matters: things are made from top to bottom and removed from bottom to top. Everything that needs Google's
permission to be undone goes before the permission does, and the application is last.
"""

from shared.connections.stages import Stage
from shared.engine.rows import Activity, Change, OnDemand, Row
from shared.foundation.brand import Brand
from shared.foundation.platform_settings import Google
from shared.platforms.google_workspace import directory_sync
from shared.platforms.google_workspace.administrator_grant import AdministratorGrant, accounts
from shared.platforms.google_workspace.by_administrator import DELEGATION, ROUTING, application, rule
from shared.platforms.google_workspace.group import VirtualGroup
from shared.platforms.google_workspace.group_members import Membership
from shared.platforms.google_workspace.modes import BY_API, BY_ROUTE
from shared.platforms.google_workspace.scopes import AUDIT, DOMAINS, GROUP_SETTINGS, GROUPS, GROUPS_READ, MAILBOX, USERS
from shared.platforms.google_workspace.watches import Watches
from shared.platforms.group_members import FOLLOWS_POLICIES
from shared.platforms.own_records import StoredDirectory, StoredPolicies, StoredTokens

STORED: tuple[Change, ...] = (
    Change(
        key="grant",
        title="The administrator's own grant",
        why="shows who consented; renewed every hour, so that a withdrawn consent is detected",
        accounts_for=("grant-token", "revoke-token", "cleanup-app"),
        resource=AdministratorGrant(),
        removed_in=Stage.REVOKE,
        serves=("tokens",),
        without="a super administrator must open the invitation again",
        local=True,
        elements=accounts,
    ),
    Change(
        key="tokens",
        title="Stored access tokens",
        why="kept sealed, so that Google is not asked for a new one at every step",
        accounts_for=("grant-token", "revoke-token"),
        resource=StoredTokens(),
        removed_in=Stage.REVOKE,
        serves=("directory", "policies"),
        local=True,
        ours_alone=True,
    ),
    Change(
        key="directory",
        title="Stored users and groups",
        why="a copy of names and addresses, to know whom the policies protect",
        accounts_for=("grant-directory", "run-sync", "revoke-directory"),
        permissions=(USERS, GROUPS_READ, DOMAINS),
        resource=StoredDirectory(sync=directory_sync.sync),
        removed_in=Stage.REVOKE,
        serves=("policies",),
        local=True,
        ours_alone=True,
    ),
    Change(
        key="policies",
        title="Administrator-set policies",
        why="say whose mail is protected and what happens to a message that violates them",
        accounts_for=("revoke-policies",),
        resource=StoredPolicies(),
        removed_in=Stage.REVOKE,
        # The rule is read once more before that: afterwards only an ending connection looks for it.
        serves=("group-members", "watches"),
        local=True,
        ours_alone=True,
    ),
)


def _group(brand: Brand, *, hardened: bool) -> tuple[Change, ...]:
    return (
        Change(
            key="group",
            title=brand.gmail_group,
            why="by its members the content compliance rule knows whose mail to route",
            accounts_for=("grant-group",),
            modes=BY_ROUTE,
            permissions=(GROUPS, GROUP_SETTINGS) if hardened else (GROUPS,),
            resource=VirtualGroup(hardened=hardened),
            removed_in=Stage.CLEANUP,
            needs=("directory",),
            serves=("rule",),
            without="mail flows unscanned",
            offered=True,
        ),
        Change(
            key="group-members",
            title=f"Members of {brand.gmail_group}",
            why="follow the policies' targets",
            accounts_for=("grant-group",),
            modes=BY_ROUTE,
            permissions=(GROUPS,),
            resource=Membership(),
            ours_in_it=FOLLOWS_POLICIES,
            removed_in=Stage.REVOKE,
            needs=("group",),
            without="mail of some users flows unscanned",
        ),
    )


WATCHES = Change(
    key="watches",
    title="Subscriptions to mailboxes' events",
    why="Gmail notifies us of new mail, so that each message is read at once",
    accounts_for=("run-watch",),
    modes=BY_API,
    permissions=(MAILBOX,),
    resource=Watches(),
    created_in=Stage.RUN,
    removed_in=Stage.REVOKE,
    needs=("directory",),
    without="new mail is read once a day only",
    ours_alone=True,
)


def _label(brand: Brand) -> OnDemand:
    return OnDemand(
        key="label",
        title=f"Label “{brand.gmail_label}”",
        why="marks a message that violates a policy; made in a mailbox when it is first needed, and left there",
        accounts_for=("run-label",),
        modes=BY_API,
        permissions=(MAILBOX,),
    )


SERVING: tuple[Row, ...] = (
    OnDemand(
        key="operations",
        title="Access and operation log",
        why="one line for each call made with the service account: in whose name, on what, with what result",
        accounts_for=("run-log",),
        permissions=(AUDIT,),
    ),
    Activity(
        key="daily-sync",
        title="Daily synchronisation",
        why="new users, groups, domains and MX records; then the customer is compared with this table",
        accounts_for=("run-sync", "revoke-sync"),
        job="sync",
        when="daily at the site's time",
    ),
    Activity(
        key="watch-renewal",
        title="Renewal of the subscriptions",
        why="a subscription lapses after seven days",
        accounts_for=("run-watch",),
        modes=BY_API,
        job="sync",
        when="with the daily synchronisation",
    ),
    Activity(
        key="hourly-token",
        title="Hourly token refresh",
        why="a consent that was withdrawn is noticed within the hour",
        accounts_for=("run-token",),
        job="refresh",
        when="hourly",
    ),
    Activity(
        key="reports",
        title="Scheduled reports",
        why="report messages scanned, syncs, changes, drift, and required actions",
        accounts_for=("revoke-reports",),
        job="report",
        when="daily, weekly or monthly, after midnight at the site",
    ),
)


def rows(brand: Brand, settings: Google) -> tuple[Row, ...]:
    """The whole catalogue. Without a Marketplace listing the delegation is granted by hand, and there is no app."""
    listing = (application(brand),) if settings.marketplace_app else ()
    group = _group(brand, hardened=settings.harden_group)
    return (*listing, DELEGATION, *STORED, *group, *ROUTING, rule(brand), WATCHES, _label(brand), *SERVING)
