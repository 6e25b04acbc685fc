"""`footprint mcp`, asked by the official SDK's own client over standard input and output."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from shared.cli.mcp_server import PLANS, readings
from shared.web.openapi import document
from tests.cli.line import ROOT, Line


def asked(line: Line, questions: Callable[[Client], Awaitable[None]]) -> None:
    """Have an assistant's client start the server, and ask."""
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "shared", "mcp"], env={**os.environ, **line.environment}, cwd=ROOT
    )

    async def session() -> None:
        async with Client(command, read_timeout_seconds=60) as client:
            await questions(client)

    asyncio.run(session())


def content(result: CallToolResult) -> Any:
    """What a tool answered, as JSON."""
    (one,) = result.content
    assert isinstance(one, TextContent)
    return json.loads(one.text)


def test_an_assistant_reads_and_plans_and_cannot_act(line: Line) -> None:
    identifier, _ = line.connect("Assisted", "assisted.example")
    before = line("ledger", "list", identifier, "-o", "json").json

    async def questions(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"list_connections", "get_connection", "get_plan", "get_ledger", "plan_batch"} <= set(tools)
        assert not {"revoke", "create_connection", "create_batch", "put_policy", "get_export"} & set(tools)
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
        found = await client.call_tool("list_connections", {"q": "Assisted", "archived": False})
        assert [one["id"] for one in content(found)["connections"]] == [identifier]
        plan = await client.call_tool("get_plan", {"id": identifier, "for": "revoke"})
        assert (plan.is_error, "total" in content(plan)) == (False, True), plan
        body = {"operation": "revoke", "where": {"q": "Assisted"}}
        assert content(await client.call_tool("plan_batch", {"body": body}))["matches"] == 1
        acts = await client.call_tool("revoke", {"id": identifier})
        assert (acts.is_error, content(acts)["code"]) == (True, "no_such_tool")
        wrong = await client.call_tool("get_connection", {"id": "0" * 32})
        assert (wrong.is_error, content(wrong)["code"]) == (True, "no_such_connection")
        assert content(wrong)["runbook"].endswith("/runbook/no_such_connection")
        for arguments in ({}, {"id": ".."}, {"id": identifier, "name": "x"}):
            assert content(await client.call_tool("get_connection", arguments))["code"] == "not_valid"
        elsewhere = await client.call_tool("get_connection", {"id": f"{identifier}/certificate"})
        assert elsewhere.is_error

    asked(line, questions)
    assert line("ledger", "list", identifier, "-o", "json").json == before


def test_every_tool_is_a_get_or_the_plan_of_a_batch() -> None:
    described = document("https://footprint.example.com", ["microsoft365"], "session")
    found = readings(described)
    assert {one.method for one in found.values()} == {"GET", "POST"}
    assert [(one.method, one.path) for one in found.values() if one.method != "GET"] == [PLANS]
    assert "$ref" not in json.dumps([one.schema for one in found.values()])
    # An account is needed for each, and no secret of another account is among them.
    assert not {"consent_callback", "get_sign_in"} & set(found)


def test_without_a_token_it_says_what_to_do(line: Line) -> None:
    line.changed = {"FOOTPRINT_TOKEN": ""}
    started = line("mcp")
    assert (started.code, started.out, "(no_token)" in started.told) == (2, "", True)
