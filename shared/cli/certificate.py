"""The certificate, and whether its signature holds."""

import json
from collections.abc import Mapping
from typing import Any

from typer import Context

from shared.cli.api import of
from shared.cli.call import Call, Connection, Json
from shared.cli.terminal import moment
from shared.foundation.errors import Permanent


def certificate(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """Show the signed exit certificate, and verify its signature; exit code 1 if it is not valid."""
    call = Call.of(context, as_json=as_json)
    answer = call.api.get(of(call.api.find(connection)["id"], "certificate"))
    told = verified(answer)
    if call.as_json:
        call.print_json(answer)
    else:
        call.terminal.facts(_facts(answer["certificate"]))
    call.terminal.say(told)
    return 0


def verified(answer: Mapping[str, Any]) -> str:
    """That the signature is valid and by which key, in a sentence. Raises Permanent if it is not valid."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256, Hash
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(answer["public_key"].encode())
        # A JWS names its own algorithm; only this one is ours.
        signed = jwt.PyJWS().decode(answer["signature"], answer["public_key"], algorithms=["EdDSA"])
        whole = isinstance(key, Ed25519PublicKey) and json.loads(signed) == answer["certificate"]
    except (KeyError, AttributeError, ValueError, jwt.InvalidTokenError, jwt.InvalidKeyError):
        whole = False
    if not whole:
        raise Permanent("signature_not_valid", "The certificate is not what its signature signed: do not rely on it.")
    digest = Hash(SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return (
        f"The Ed25519 signature is valid. SHA-256 fingerprint of its public key: {digest.finalize().hex()}; compare it "
        "with the fingerprint of the deployment's other certificates."
    )


def _facts(content: Mapping[str, Any]) -> dict[str, Any]:
    created = content["changes"]
    removed = [one for one in created if one["removed_at"]]
    return {
        "Connection": f"{content['name']} ({content['connection']})",
        "Tenant": content["tenant"],
        "Result": content["result"],
        "Issued": moment(content["drawn_up_at"]),
        "Objects": f"{len(created)} created, {len(removed)} removed",
        "Pre-existing, untouched": content["yours_before_us"],
        "Kept as published": [one["title"] for one in content["kept_as_published"]],
        "Cannot be undone": content["cannot_be_undone"],
        "Still there": [f"{one['title']}: {one['why']}" for one in content["residue"]],
        "Could not be checked": [f"{one['title']}: {one['why']}" for one in content["could_not_check"]],
        "By the administrator": [
            f"{one['title']}: {'done' if one['done'] else one['instruction']}" for one in content["by_administrator"]
        ],
        "Ledger": f"{content['ledger']['entries']} entries, head {content['ledger']['head']}",
    }
