"""The certificate, and whether a stranger may rely on it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from shared.cli.api import LOOPBACK, Usage, of
from shared.cli.call import Call, Connection, Json
from shared.cli.terminal import moment
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.hash_chain import checked
from shared.foundation.signatures import CERTIFICATE, opened

# Larger than any certificate and any set of keys.
LARGEST = 16 * 1024 * 1024


def certificate(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """Show the signed exit certificate. Save it with --json, and check it with “verify”."""
    call = Call.of(context, as_json=as_json)
    answer = call.api.get(of(call.api.find(connection)["id"], "certificate"))
    if call.as_json:
        return call.print_json(answer)
    call.terminal.facts(_facts(answer["certificate"]))
    call.terminal.say(f"Signed with the key {answer['key_id']}. Check the signature with “footprint verify”.")
    return 0


def verify(
    context: Context,
    file: Annotated[
        Path, Argument(metavar="FILE", help="A certificate as JSON, or its signature.", show_default=False)
    ],
    *,
    keys: Annotated[
        str, Option("--keys", metavar="JWKS", help="The deployment's public keys: a file, or an https address.")
    ],
    ledger: Annotated[
        Path | None, Option("--ledger", metavar="NDJSON", help="The exported ledger, held against the certificate.")
    ] = None,
) -> int:
    """Verify an exit certificate without the service; exit code 1 if it is not valid."""
    call = Call.of(context, as_json=False)
    content, told = verified(_text(file), _keys(keys))
    if ledger is not None:
        told.insert(0, _chained(ledger, content))
    call.terminal.facts(_facts(content))
    for line in told:
        call.terminal.say(line)
    return 0


def verified(text: str, keys: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A certificate's content, and what was checked, in sentences. Raises Permanent if it is not what was signed."""
    answer = _json(text) if text.lstrip().startswith("{") else {"signature": text.strip()}
    signed, kid = opened(str(answer.get("signature", "")), keys, CERTIFICATE)
    content: dict[str, Any] = json.loads(signed)
    told = [f"Checked: the Ed25519 signature is valid, by the key {kid} (its SHA-256 fingerprint)."]
    if "certificate" in answer:
        if answer["certificate"] != content:
            raise Permanent("signature_not_valid", "Do not rely on this document: what it shows was not signed.")
        told.append("Checked: the certificate shown is what was signed.")
    told.append("Not checked: whose key that is. Get the keys from the deployment itself, and keep a copy.")
    return content, told


def _chained(file: Path, content: Mapping[str, Any]) -> str:
    certified = content["ledger"]
    try:
        with file.open() as lines:
            number = checked((json.loads(line) for line in lines), certified["entries"], certified["head"])
    except (OSError, ValueError, TypeError, AttributeError):
        raise Usage("file_not_valid", f"{file} is not a ledger as NDJSON.") from None
    return f"Checked: the ledger's {number} entries are whole, and the first {certified['entries']} are certified."


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise Usage("file_not_valid", f"{file} is larger than any certificate.")
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise Usage("file_not_valid", f"{file} cannot be read.") from None


def _keys(place: str) -> Mapping[str, Any]:
    return _json(_fetched(place) if "://" in place else _text(Path(place)))


def _fetched(url: str) -> str:
    import httpx

    address = httpx.URL(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.host in LOOPBACK):
        raise Usage("keys_not_valid", "--keys: an address must begin with https://, so that nobody changes the keys.")
    try:
        return httpx.get(url, timeout=10.0).raise_for_status().text
    except httpx.HTTPError as error:
        raise Temporary("keys_not_available", f"{address.host} did not answer with keys: {error}") from None


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Usage("file_not_valid", "What should be JSON is not.")
    return found


def _facts(content: Mapping[str, Any]) -> dict[str, Any]:
    counts = content["counts"]
    return {
        "Connection": f"{content['name']} ({content['connection']})",
        "Tenant": content["tenant"],
        "Result": content["result"],
        "Issued": moment(content["drawn_up_at"]),
        "Objects": f"{counts['created']} created, {counts['removed']} removed; "
        f"{counts['pre_existing']} pre-existing, untouched",
        "Pre-existing": content["yours_before_us"],
        "Kept as published": [one["title"] for one in content["kept_as_published"]],
        "Cannot be undone": content["cannot_be_undone"],
        "Still there": _listed(content["residue"]),
        "Could not be checked": _listed(content["could_not_check"]),
        "No machine can look at": _listed(content["not_checkable"]),
        "Looked at": [f"{one['title']}: {moment(one['at'])}, {one['how']}" for one in content["looked"]],
        "By the administrator": [
            f"{one['title']}: {'done' if one['done'] else one['instruction']}" for one in content["by_administrator"]
        ],
        "Ledger": f"{content['ledger']['entries']} entries, head {content['ledger']['head']}",
    }


def _listed(lines: list[dict[str, Any]]) -> list[str]:
    return [f"{one.get('title') or one.get('identity')}: {one['why']}" for one in lines]
