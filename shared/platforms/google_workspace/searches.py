"""Where a customer is searched for what bears our mark or name, whether the ledger knows it or not.

Our mark is a group's description, and the address that names the connection; a name may be a customer's own doing.
"""

from collections.abc import Sequence

from shared.engine.last_look import Bearer, Search, Sign
from shared.platforms.google_workspace.api import Record
from shared.platforms.google_workspace.group import address_of
from shared.platforms.google_workspace.methods import GROUPS_LIST
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

FIELDS = "nextPageToken,groups(id,email,name,description)"


async def _groups(tenant: WorkspaceCustomer) -> Sequence[Bearer]:
    # A description cannot be searched for, so that all groups are listed.
    params = {"customer": tenant.id, "maxResults": "200", "fields": FIELDS}
    pages = tenant.admin.pages(GROUPS_LIST, params=params, key="groups")
    listed = [(group, _sign(tenant, group)) async for page in pages for group in page]
    return [Bearer(identity=one["id"], name=str(one.get("name")), sign=sign) for one, sign in listed if sign]


def _sign(tenant: WorkspaceCustomer, group: Record) -> Sign | None:
    description = group.get("description")
    if description == tenant.mark or str(group.get("email")).startswith(address_of(tenant.connection, "")):
        return "mark"
    if description in [other.brand.mark(other.id) for other in tenant.others]:
        return None  # another connection's, which has a certificate of its own
    return "name" if group.get("name") == tenant.brand.gmail_group else None


SEARCHES = (Search(key="groups", title="Groups", bearers=_groups),)
