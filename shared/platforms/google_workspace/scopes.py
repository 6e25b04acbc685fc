"""The permissions that are delegated to the service account, and why each is asked for."""

from shared.platforms.contract import Permission

_AUTH = "https://www.googleapis.com/auth/"
USERS = f"{_AUTH}admin.directory.user.readonly"
GROUPS_READ = f"{_AUTH}admin.directory.group.readonly"
GROUPS = f"{_AUTH}admin.directory.group"
DOMAINS = f"{_AUTH}admin.directory.domain.readonly"
CUSTOMER = f"{_AUTH}admin.directory.customer.readonly"
POLICIES = f"{_AUTH}cloud-identity.policies.readonly"
AUDIT = f"{_AUTH}admin.reports.audit.readonly"
GROUP_SETTINGS = f"{_AUTH}apps.groups.settings"
MAILBOX = f"{_AUTH}gmail.modify"
# Not delegated: our own right to ask whether a customer has the application.
LICENSE = f"{_AUTH}appsmarketplace.license"

PERMISSIONS = (
    Permission(
        name=USERS,
        why="to know the users whose mail is to be protected",
        without="no mailbox is known, so that none is watched",
    ),
    Permission(
        name=GROUPS_READ,
        why="to know the groups that policies may name, and their members",
        without="policies can name users only",
    ),
    Permission(
        name=GROUPS,
        why="to make, fill and empty the one virtual group",
        without="the rule has no group to go by, and mail is not routed",
        narrower="Google has none for a single group. Groups that are not ours are read, and never written to",
    ),
    Permission(
        name=GROUP_SETTINGS,
        why="to keep the virtual group out of address lists and closed to mail",
        without="people see the virtual group and can write to it",
    ),
    Permission(
        name=DOMAINS,
        why="to know the organisation's domains and their mail records",
        without="nothing shows that a domain's mail does not reach Google",
    ),
    Permission(
        name=CUSTOMER,
        why="to make sure that the consent is this organisation's",
        without="a consent cannot be proven, and nothing is connected",
    ),
    Permission(
        name=POLICIES,
        why="to see whether the content compliance rule is there, and gone in the end",
        without="an administrator has to confirm both, and a disabled rule stays unnoticed",
    ),
    Permission(
        name=AUDIT,
        why="to see in the admin log whether route and gateway were set up, and removed in the end",
        without="an administrator has to say so",
    ),
    Permission(
        name=MAILBOX,
        why="to be told of new mail, to read it for the policies, to label or move what is risky",
        without="mail in mailboxes is neither read nor moved",
        narrower="gmail.readonly and gmail.labels read and make labels, and neither label nor move a message",
    ),
)
# How the names of the calls begin that use each. The customer's id is read at a consent only, so its scope is left out.
USED_BY = {
    USERS: ("directory.users.",),
    GROUPS_READ: ("directory.groups.", "directory.members."),
    GROUPS: ("directory.groups.", "directory.members."),
    GROUP_SETTINGS: ("groupsSettings.",),
    DOMAINS: ("directory.domains.",),
    POLICIES: ("cloudidentity.policies.",),
    AUDIT: ("reports.activities.",),
    MAILBOX: ("gmail.",),
}
# A scope that writes groups reads them too.
IMPLIED = {GROUPS_READ: GROUPS}


def delegated(names: frozenset[str]) -> frozenset[str]:
    """Those that are used in the administrator's name; mailboxes are opened in their owners' names."""
    needless = {name for name, by in IMPLIED.items() if by in names}
    return names - needless - {MAILBOX}
