"""Users of a Workspace customer by Google's own client."""

from __future__ import annotations

import os

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from store import Store

FIELDS = "nextPageToken,users(id,primaryEmail,name/fullName,suspended,isGuestUser)"


def main() -> None:
    """Read page after page."""
    store = Store()
    service = build(
        "admin",
        "directory_v1",
        credentials=Credentials(os.environ["BENCH_TOKEN"]),
        client_options={"api_endpoint": os.environ["BENCH_URL"]},
    )
    asked = service.users().list(customer="my_customer", maxResults=500, orderBy="email", fields=FIELDS)
    while asked is not None:
        page = asked.execute()
        rows = (
            {
                "id": row["id"],
                "name": row["name"]["fullName"],
                "mail": row["primaryEmail"],
                "enabled": not row.get("suspended"),
                "kind": "Guest" if row.get("isGuestUser") else "Member",
            }
            for row in page["users"]
        )
        if store.put(rows):
            break
        asked = service.users().list_next(asked, page)
    store.tell()


if __name__ == "__main__":
    main()
