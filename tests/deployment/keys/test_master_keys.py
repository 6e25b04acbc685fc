"""Every kind of master key keeps the same promises, is asked rarely, and is chosen by the settings."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators.vaults import KMS_KEY, Vaults
from shared.deployment.identity import ManagedIdentity
from shared.deployment.master_keys import chosen
from shared.deployment.master_keys.key_vault import KeyVault
from shared.deployment.master_keys.kms import Kms
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.master_keys.wrapping import Wrapped
from shared.deployment.sealing import DATA_KEY_CACHED_FOR, Seal
from shared.foundation.errors import Permanent
from shared.foundation.wire import Wire
from shared.storage.database import Database
from tests.harness.master_keys import DATA_KEY, Holder, local_key, vault_key
from tests.harness.scripted_host import StillClock
from tests.harness.settings import settings_from


async def test_what_is_wrapped_is_unwrapped(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    assert DATA_KEY not in wrapped.content
    assert "content" not in repr(wrapped)
    assert await holder.master.unwrap(wrapped, "one") == DATA_KEY
    assert (await holder.master.wrap(DATA_KEY, "one")).content != wrapped.content


async def test_a_wrapped_key_holds_for_its_own_scope_only(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(wrapped, "other")


@pytest.mark.parametrize("spoil", [lambda c: c[:-1] + bytes([c[-1] ^ 1]), lambda c: c[:20], lambda _: b"\x01"])
async def test_a_wrapped_key_that_was_tampered_with(holder: Holder, spoil: Callable[[bytes], bytes]) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(Wrapped(master=wrapped.master, content=spoil(wrapped.content)), "one")


@pytest.mark.parametrize(
    "master", ["", "local 0", "https://evil.example/keys/footprint/0", f"{KMS_KEY}2/cryptoKeyVersions/1"]
)
async def test_no_other_master_key_is_ever_asked(holder: Holder, master: str) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    before = holder.calls()
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(Wrapped(master=master, content=wrapped.content), "one")
    assert holder.calls() == before


# What is asked of a vault, and when


async def test_a_vault_is_asked_once_an_hour(holder: Holder, database: Database, still: StillClock) -> None:
    await Seal(holder.master, database, still).new_box("one")
    seal, begin = Seal(holder.master, database, still), holder.calls()
    await asyncio.gather(*(seal.box("one") for _ in range(20)))
    await seal.box("one")
    asked = holder.calls() - begin
    assert asked == (1 if begin else 0)
    still.time += DATA_KEY_CACHED_FOR
    await seal.box("one")
    assert holder.calls() - begin == 2 * asked


async def test_one_who_gives_up_does_not_take_the_key_from_the_others(
    vaults: Vaults, wire: Wire, database: Database, still: StillClock
) -> None:
    seal = Seal(vault_key(vaults, wire), database, still)
    await seal.new_box("one")
    fresh = Seal(vault_key(vaults, wire), database, still)
    first, second = asyncio.create_task(fresh.box("one")), asyncio.create_task(fresh.box("one"))
    await asyncio.sleep(0)
    first.cancel()
    sealed = (await second).seal("text", about="a")
    assert (await seal.box("one")).unseal(sealed, about="a") == "text"


# What the settings name


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"value": local_key()}, LocalKeys),
        ({"key_vault": "https://contoso.vault.azure.net/keys/footprint"}, KeyVault),
        ({"kms": KMS_KEY}, Kms),
    ],
)
def test_the_settings_choose(wire: Wire, said: dict[str, str], kind: type[Any]) -> None:
    settings = settings_from({}, master_key=said)
    assert type(chosen(settings, wire, settings.master_key)) is kind


def test_a_file_of_keys(wire: Wire, tmp_path: Path) -> None:
    first, second = local_key(), local_key()
    (tmp_path / "keys").write_text(f"{first}\n\n{second}\n")
    settings = settings_from({}, master_key={"file": str(tmp_path / "keys")})
    master = chosen(settings, wire, settings.master_key)
    wrapped = asyncio.run(LocalKeys([second]).wrap(DATA_KEY, "one"))
    assert asyncio.run(master.unwrap(wrapped, "one")) == DATA_KEY
    assert asyncio.run(master.wrap(DATA_KEY, "one")).master != wrapped.master


@pytest.mark.parametrize("texts", [[], ["short"], [local_key(), "?"]])
def test_a_key_of_another_length(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="master key"):
        LocalKeys(texts)


@pytest.mark.parametrize(
    "address", ["https://contoso.vault.azure.net", "https://contoso.vault.azure.net/secrets/a", "https://a/keys/a/b/c"]
)
def test_an_address_that_is_no_keys(wire: Wire, address: str) -> None:
    with pytest.raises(ValueError, match="KEY_VAULT"):
        KeyVault(address, wire, ManagedIdentity(wire, wire.clock, None))


HOSTS = {
    "contoso.vault.azure.net": "https://vault.azure.net",
    "contoso.vault.azure.cn": "https://vault.azure.cn",
    "contoso.vault.usgovcloudapi.net": "https://vault.usgovcloudapi.net",
    "contoso.managedhsm.azure.net": "https://managedhsm.azure.net",
    "127.0.0.1": "https://vault.azure.net",
}


@pytest.mark.parametrize(("host", "audience"), HOSTS.items())
def test_each_cloud_has_its_own_audience(wire: Wire, host: str, audience: str) -> None:
    vault = KeyVault(f"https://{host}/keys/footprint", wire, ManagedIdentity(wire, wire.clock, None))
    assert vault._audience == audience
