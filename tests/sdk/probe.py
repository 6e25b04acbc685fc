"""Drives the simulators with Microsoft's own SDK and prints what it saw, as one line of JSON.

Runs in the SDK's own environment, so it can import nothing of the project. Its settings come from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from azure.identity import ClientSecretCredential
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as GroupsDelta
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator

SCOPE = "https://graph.microsoft.com/.default"


class LoopbackTokens(AccessTokenProvider):
    """Hands the SDK tokens of the simulated sign-in host; the SDK's own provider refuses plain http."""

    def __init__(self) -> None:
        self._credential = ClientSecretCredential(
            os.environ["PROBE_TENANT"],
            os.environ["FOOTPRINT_MICROSOFT__CLIENT_ID"],
            os.environ["FOOTPRINT_MICROSOFT__CLIENT_SECRET"],
            authority=os.environ["FOOTPRINT_MICROSOFT__LOGIN_URL"],
            disable_instance_discovery=True,
            connection_verify=os.environ["FOOTPRINT_CA_FILE"],
        )

    async def get_authorization_token(
        self,
        uri: str,  # noqa: ARG002 (the SDK asks in this form)
        additional_authentication_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        return self._credential.get_token(SCOPE).token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["127.0.0.1"])


async def main() -> None:
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(LoopbackTokens()))
    adapter.base_url = f"{os.environ['FOOTPRINT_MICROSOFT__GRAPH_URL']}/v1.0"
    graph = GraphServiceClient(request_adapter=adapter)
    seen: dict[str, Any] = {}

    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(top=15, select=["id", "displayName", "mail"])
    first = await graph.users.get(RequestConfiguration(query_parameters=query))
    seen["first_page"] = len(first.value)
    names: list[str] = []

    def keep(user: Any) -> bool:
        names.append(user.display_name)
        return True

    await PageIterator(first, adapter).iterate(keep)
    seen["users"] = sorted(names)

    fields = UsersDelta.DeltaRequestBuilderGetQueryParameters(select=["id", "displayName"])
    page = await graph.users.delta.get(RequestConfiguration(query_parameters=fields))
    found = {user.id: user.display_name for user in page.value}
    while page.odata_next_link:
        page = await graph.users.delta.with_url(page.odata_next_link).get()
        found |= {user.id: user.display_name for user in page.value}
    seen["delta_users"] = len(found)

    made = await graph.groups.post(
        Group(
            display_name="Made by the SDK",
            mail_nickname="made-by-the-sdk",
            group_types=["Unified"],
            mail_enabled=True,
            security_enabled=False,
            additional_data={"resourceBehaviorOptions": ["WelcomeEmailDisabled"]},
        )
    )
    seen["group_mail"] = made.mail
    user_id = first.value[0].id
    reference = ReferenceCreate(odata_id=f"https://graph.microsoft.com/v1.0/directoryObjects/{user_id}")
    members = graph.groups.by_group_id(made.id).members
    await members.ref.post(reference)
    listed = await members.get()
    seen["members"] = [one.id == user_id for one in listed.value]
    seen["member_type"] = type(listed.value[0]).__name__
    try:
        await members.ref.post(reference)
    except ODataError as error:
        seen["twice"] = [error.response_status_code, error.error.code]

    changed = await graph.users.delta.with_url(page.odata_delta_link).get()
    seen["delta_rest"] = len(changed.value)
    with_members = GroupsDelta.DeltaRequestBuilderGetQueryParameters(select=["id", "members"])
    groups = await graph.groups.delta.get(RequestConfiguration(query_parameters=with_members))
    entry = next(one for one in groups.value if one.id == made.id)
    seen["members_in_delta"] = len(entry.additional_data["members@delta"])
    everyone = await graph.groups.get()
    seen["groups"] = sorted(one.display_name for one in everyone.value)
    seen["domains"] = sorted(one.id for one in (await graph.domains.get()).value)
    await graph.groups.by_group_id(made.id).delete()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
