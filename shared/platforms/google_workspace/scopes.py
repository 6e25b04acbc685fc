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
    Permission(name=USERS, why="to know the users whose mail is to be protected"),
    Permission(name=GROUPS_READ, why="to know the groups that policies may name, and their members"),
    Permission(name=GROUPS, why="to make, fill and empty the one virtual group"),
    Permission(name=GROUP_SETTINGS, why="to keep the virtual group out of address lists and closed to mail"),
    Permission(name=DOMAINS, why="to know the organisation's domains and their mail records"),
    Permission(name=CUSTOMER, why="to make sure that the consent is this organisation's"),
    Permission(name=POLICIES, why="to see whether the content compliance rule is there, and gone in the end"),
    Permission(name=AUDIT, why="to see in the admin log whether route and gateway were set up, and removed in the end"),
    Permission(name=MAILBOX, why="to be told of new mail, to read it for the policies, to label or move what is risky"),
)
# A scope that writes groups reads them too.
IMPLIED = {GROUPS_READ: GROUPS}


def delegated(names: frozenset[str]) -> frozenset[str]:
    """Those that are used in the administrator's name; mailboxes are opened in their owners' names."""
    needless = {name for name, by in IMPLIED.items() if by in names}
    return names - needless - {MAILBOX}
