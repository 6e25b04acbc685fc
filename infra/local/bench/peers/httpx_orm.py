"""Users of a Microsoft 365 tenant by httpx, with the store or without."""

from __future__ import annotations

import os

import httpx
from store import Store


def main() -> None:
    """Read page after page."""
    store = Store()
    url = f"{os.environ['BENCH_URL']}/v1.0/users?$select=id,displayName,mail,accountEnabled,userType&$top=999"
    with httpx.Client(headers={"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}, trust_env=False) as client:
        while url:
            page = client.get(url).json()
            names = {"id": "id", "name": "displayName", "mail": "mail", "enabled": "accountEnabled", "kind": "userType"}
            if store.put({name: row.get(theirs) for name, theirs in names.items()} for row in page["value"]):
                break
            url = page.get("@odata.nextLink")
    store.tell()


if __name__ == "__main__":
    main()
