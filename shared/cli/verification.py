"""Whether a stranger may rely on a certificate: its signature, its ledger and its anchor, without the service."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.cli.place import LOOPBACK, Usage
from shared.cli.terminal import moment
from shared.foundation.cosignatures import cosignature, witness_key
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.hash_chain import checked
from shared.foundation.signatures import CERTIFICATE, opened
from shared.foundation.transparency import leaf_hash, opened_checkpoint, proven_root, size_of

# Larger than any certificate and any set of keys.
MAX_FILE_BYTES = 16 * 1024 * 1024


def verified(
    document: str, keys: Mapping[str, Any], checkpoint: str | None = None, witnesses: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """A certificate's content, and what was checked, in sentences. Raises Permanent if it is not what was signed.

    With a `checkpoint` that somebody kept, its ledger must be under that very one, whatever the service shows now.
    Each of the `witnesses`, by its verifier key, must have cosigned the checkpoint.
    """
    answer: dict[str, Any] = _json(document) if document.lstrip().startswith("{") else {"signature": document.strip()}
    signed, kid = opened(str(answer.get("signature", "")), keys, CERTIFICATE)
    content: dict[str, Any] = json.loads(signed)
    told = [f"Checked: the Ed25519 signature is valid, by the key {kid} (its SHA-256 fingerprint)."]
    if "certificate" in answer:
        if answer["certificate"] != content:
            raise Permanent("signature_not_valid", "Do not rely on this document: what it shows was not signed.")
        told.append("Checked: the certificate shown is what was signed.")
    if answer.get("anchor"):
        told.append(_anchored(answer["anchor"], content, keys, checkpoint))
        told += [_witnessed(checkpoint or answer["anchor"]["checkpoint"], one) for one in witnesses]
    elif witnesses:
        raise Permanent("anchor_not_valid", "Do not rely on this document: no witness has seen its ledger.")
    elif checkpoint is not None:
        raise Permanent("anchor_not_valid", "Do not rely on this document: it proves nothing under your checkpoint.")
    else:
        told.append("Not checked: an anchor of the ledger, because the file holds none.")
    told.append("Not checked: the key's owner. Compare the fingerprint with the deployment's /.well-known/jwks.json.")
    return content, told


def _anchored(anchor: Mapping[str, Any], content: Mapping[str, Any], keys: Mapping[str, Any], kept: str | None) -> str:
    leaf = leaf_hash({"connection": content["connection"], **content["ledger"]})
    try:
        shown = str(anchor["checkpoint"])
        if kept is not None and size_of(kept) != size_of(shown):
            raise Usage(
                "file_not_valid",
                "The document's proof is for another checkpoint: get it with “certificates show --checkpoint”.",
            )
        size, root = opened_checkpoint(shown if kept is None else kept, keys)
        path = [base64.b64decode(one, validate=True) for one in anchor["proof"]]
        proven = proven_root(leaf, int(anchor["index"]), size, path)
    except (KeyError, TypeError, ValueError):
        raise Permanent("anchor_not_valid", "Do not rely on this document: its anchor cannot be read.") from None
    if proven != root:
        raise Permanent("anchor_not_valid", "Do not rely on this document: its ledger is not in the log of heads.")
    whose = "a signed checkpoint" if kept is None else "the checkpoint that you kept"
    return f"Checked: the ledger's head is anchored, as one of {size} heads under {whose}."


def _witnessed(note: str, verifier: str) -> str:
    key = witness_key(verifier)
    _, at = cosignature(note, key)
    return f"Checked: {key.name} cosigned that checkpoint, at {moment(at.isoformat())}."


def chained(file: Path, content: Mapping[str, Any]) -> str:
    """That an exported ledger is whole and the one that was certified, in a sentence. Raises Permanent if not."""
    certified = content["ledger"]
    try:
        with file.open() as lines:
            chain = checked((json.loads(line) for line in lines), certified["entries"], certified["head"])
    except (OSError, ValueError, TypeError, AttributeError):
        raise Usage("file_not_valid", f"{file} is not a ledger as NDJSON.") from None
    whole = (
        f"Checked: the ledger's {chain.entries} entries are whole, and the first {certified['entries']} are certified."
    )
    return f"{whole} {chain.emptied} texts erased, each as an entry says." if chain.emptied else whole


def text(file: Path) -> str:
    """The text of a file. Raises Usage if it cannot be read."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Usage("file_not_valid", f"{file} is larger than any certificate.")
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise Usage("file_not_valid", f"{file} cannot be read.") from None


def keys_at(place: str) -> Mapping[str, Any]:
    """The keys in a file, or at an address. Raises Usage or Temporary if they are not to be had."""
    return _json(_fetched(place) if "://" in place else text(Path(place)))


def _fetched(url: str) -> str:
    import httpx

    address = httpx.URL(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.host in LOOPBACK):
        raise Usage("keys_not_valid", "--keys: an address must begin with https://, so that the keys arrive unchanged.")
    try:
        return httpx.get(url, timeout=10.0).raise_for_status().text
    except httpx.HTTPError as error:
        raise Temporary("keys_not_available", f"{address.host} did not answer with keys: {error}") from None


def _json(content: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Usage("file_not_valid", "What should be JSON is not.")
    return found
