"""The calls that we make, as data: Google's own name of each, where it is sent, and what it costs of Gmail's quota.

Costs are those of projects that are new since May 2026 (google developers, Gmail usage limits).
"""

from dataclasses import dataclass

DIRECTORY = "/admin/directory/v1"
MAILBOX = "/gmail/v1/users/me"


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method. `{name}` in the path stands for an argument; the last one is what the call is about."""

    id: str
    verb: str
    path: str
    quota: int = 1
    repeatable: bool = False
    """Whether it may be sent again when its answer was lost: twice comes to the same as once."""


def _method(id: str, line: str, quota: int = 1) -> Method:  # noqa: A002
    verb, path = line.split()
    # Everything but the making of a group is harmless when it is done twice.
    return Method(id=id, verb=verb, path=path, quota=quota, repeatable=id != "directory.groups.insert")


CUSTOMERS_GET = _method("directory.customers.get", f"GET {DIRECTORY}/customers/{{customerKey}}")
DOMAINS_LIST = _method("directory.domains.list", f"GET {DIRECTORY}/customer/{{customer}}/domains")
USERS_LIST = _method("directory.users.list", f"GET {DIRECTORY}/users")
USERS_GET = _method("directory.users.get", f"GET {DIRECTORY}/users/{{userKey}}")
GROUPS_LIST = _method("directory.groups.list", f"GET {DIRECTORY}/groups")
GROUPS_GET = _method("directory.groups.get", f"GET {DIRECTORY}/groups/{{groupKey}}")
GROUPS_INSERT = _method("directory.groups.insert", f"POST {DIRECTORY}/groups")
GROUPS_PATCH = _method("directory.groups.patch", f"PATCH {DIRECTORY}/groups/{{groupKey}}")
GROUPS_DELETE = _method("directory.groups.delete", f"DELETE {DIRECTORY}/groups/{{groupKey}}")
MEMBERS_LIST = _method("directory.members.list", f"GET {DIRECTORY}/groups/{{groupKey}}/members")
MEMBERS_INSERT = _method("directory.members.insert", f"POST {DIRECTORY}/groups/{{groupKey}}/members")
MEMBERS_GET = _method("directory.members.get", f"GET {DIRECTORY}/groups/{{groupKey}}/members/{{memberKey}}")
MEMBERS_DELETE = _method("directory.members.delete", f"DELETE {DIRECTORY}/groups/{{groupKey}}/members/{{memberKey}}")
SETTINGS_GET = _method("groupsSettings.groups.get", "GET /groups/v1/groups/{groupUniqueId}")
SETTINGS_PATCH = _method("groupsSettings.groups.patch", "PATCH /groups/v1/groups/{groupUniqueId}")
ACTIVITIES_LIST = _method(
    "reports.activities.list", "GET /admin/reports/v1/activity/users/{userKey}/applications/{applicationName}"
)
POLICIES_LIST = _method("cloudidentity.policies.list", "GET /v1/policies")
LICENSE_GET = _method(
    "appsmarket.customerLicense.get", "GET /appsmarket/v2/customerLicense/{applicationId}/{customerId}"
)
PROFILE_GET = _method("gmail.users.getProfile", f"GET {MAILBOX}/profile")
WATCH = _method("gmail.users.watch", f"POST {MAILBOX}/watch", 100)
STOP = _method("gmail.users.stop", f"POST {MAILBOX}/stop", 50)
HISTORY_LIST = _method("gmail.users.history.list", f"GET {MAILBOX}/history", 2)
MESSAGES_LIST = _method("gmail.users.messages.list", f"GET {MAILBOX}/messages", 5)
MESSAGES_GET = _method("gmail.users.messages.get", f"GET {MAILBOX}/messages/{{id}}", 20)
MESSAGES_MODIFY = _method("gmail.users.messages.modify", f"POST {MAILBOX}/messages/{{id}}/modify", 5)
MESSAGES_TRASH = _method("gmail.users.messages.trash", f"POST {MAILBOX}/messages/{{id}}/trash", 20)
MESSAGES_UNTRASH = _method("gmail.users.messages.untrash", f"POST {MAILBOX}/messages/{{id}}/untrash", 20)
LABELS_LIST = _method("gmail.users.labels.list", f"GET {MAILBOX}/labels")
LABELS_CREATE = _method("gmail.users.labels.create", f"POST {MAILBOX}/labels", 5)

METHODS = {found.id: found for found in list(globals().values()) if isinstance(found, Method)}
