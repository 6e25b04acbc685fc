"""Users of a Microsoft 365 tenant by Microsoft's own client and its page iterator."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator
from store import Store

PAGE = 999


class OneToken(AccessTokenProvider):
    """The token that the environment holds."""

    async def get_authorization_token(
        self,
        uri: str,  # noqa: ARG002 - the SDK asks in this form
        additional_authentication_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        """It."""
        return os.environ["BENCH_TOKEN"]

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        """Our own machine."""
        return AllowedHostsValidator(["127.0.0.1"])


async def main() -> None:
    """Iterate over the users, and keep a page at a time."""
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(OneToken()))
    adapter.base_url = f"{os.environ['BENCH_URL']}/v1.0"
    asked = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "displayName", "mail", "accountEnabled", "userType"], top=PAGE
    )
    store, waiting = Store(), list[dict[str, Any]]()
    first = await GraphServiceClient(request_adapter=adapter).users.get(
        request_configuration=RequestConfiguration(query_parameters=asked)
    )

    def take(user: Any) -> bool:
        waiting.append(
            {
                "id": user.id,
                "name": user.display_name,
                "mail": user.mail,
                "enabled": user.account_enabled,
                "kind": user.user_type,
            }
        )
        if len(waiting) < PAGE:
            return True
        done = store.put(waiting)
        waiting.clear()
        return not done

    await PageIterator(response=first, request_adapter=adapter).iterate(take)
    if waiting:
        store.put(waiting)
    store.tell()


if __name__ == "__main__":
    asyncio.run(main())
