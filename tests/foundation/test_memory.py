"""The memory that messages under inspection take in a process: bounded, shared out in order, given back whatever
happens."""

import asyncio
import base64
import json
import os
import re
import tracemalloc
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest

from shared.foundation.memory import Memory
from shared.foundation.settings import Settings
from shared.platforms.google_workspace.api import Api
from shared.platforms.google_workspace.message_actions import MAX_MESSAGE_BYTES, content, memory_of
from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.impersonation import known
from shared.protection.inspection.inspect import judge

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
# What a process takes that inspects nothing, with everything imported, in MiB; measured on Linux.
PROCESS = 160


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_is_taken_than_there_is_and_a_large_one_is_not_passed_over() -> None:
    memory, begun, most = Memory(100), list[int](), 0
    end = asyncio.Event()

    async def inspect(need: int) -> None:
        nonlocal most
        async with memory.room(need):
            begun.append(need)
            most = max(most, memory.taken)
            await end.wait()

    tasks = []
    for need in (60, 70, 10, 500, 20):
        tasks.append(asyncio.ensure_future(inspect(need)))
        await settle()
    assert begun == [60]  # 10 would fit, and 70 came first
    end.set()
    await asyncio.gather(*tasks)
    assert begun == [60, 70, 10, 500, 20]
    assert (most, memory.taken) == (100, 0)


async def test_who_is_cancelled_or_fails_gives_it_back() -> None:
    memory = Memory(100)

    async def fail() -> None:
        async with memory.room(90):
            raise ValueError("it was odd")

    async def wait() -> None:
        async with memory.room(90):
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="odd"):
        await fail()
    working, waiting = asyncio.ensure_future(wait()), asyncio.ensure_future(wait())
    await settle()
    for task in (waiting, working):
        task.cancel()
    await asyncio.gather(working, waiting, return_exceptions=True)
    async with memory.room(100):
        assert memory.taken == 100
    granted = asyncio.ensure_future(wait())
    await settle()
    third = asyncio.ensure_future(wait())
    await settle()
    granted.cancel()
    third.cancel()  # in the same instant as it is its turn
    await asyncio.gather(granted, third, return_exceptions=True)
    assert memory.taken == 0


class Answered:
    """An API that has just received its answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        """The answer, read from a copy as a client has it."""
        return cast("dict[str, Any]", json.loads(bytes(bytearray(self._answer))))


@pytest.mark.parametrize("name", ["scan.zip", "letter.html"])
async def test_a_message_takes_no_more_memory_than_is_counted_for_it(name: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@mail.example", "b@orchard.example", "files"
    mail.set_content("see the file")
    mail.add_attachment(os.urandom(4_000_000), maintype="application", subtype="octet-stream", filename=name)
    whole = mail.as_bytes()
    size, answer = len(whole), json.dumps({"raw": base64.urlsafe_b64encode(whole).decode()}).encode()
    del mail, whole
    conditions = Conditions(
        senders=["other.example"], links=["evil.example"], attachments=["executable", "macro"], words=["overdue"]
    )
    tenant = known(receiver="mx.mail.example", domains=["orchard.example"], people=[])
    judge(b"From: a@mail.example\r\n\r\nfirst", conditions, tenant)
    tracemalloc.start()
    try:
        found = judge(await content(cast("Api", Answered(answer)), "one"), conditions, tenant)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not [one for one in found if one.kind != "incomplete"]
    assert size * 3 < peak + len(answer) <= memory_of(size)


def test_the_functions_have_the_memory_that_the_setting_lets_them_take() -> None:
    most = Settings.model_fields["inspection_memory"].default
    assert memory_of(MAX_MESSAGE_BYTES) <= most * MIB
    google = (ROOT / "infra/gcp/functions.tf").read_text()
    job = re.search(r'job = \{ is = "private", memory = "(\d+)Mi"', google)
    azure = re.search(r"instanceMemoryMB: (\d+)", (ROOT / "infra/azure/modules/app.bicep").read_text())
    assert job
    assert azure
    assert min(int(job[1]), int(azure[1])) >= PROCESS + most
