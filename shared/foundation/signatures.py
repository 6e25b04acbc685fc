"""What signed documents are checked by: a compact JWS (RFC 7515, EdDSA) and a set of public keys (RFC 7517).

Pure, for the service and for a stranger who has two files and no network.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from shared.foundation.errors import Permanent

CERTIFICATE = "footprint-certificate+json"
# Made once: a ledger has a hundred thousand entries, and each takes it several times.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same content: RFC 8785 of whole numbers, with text beyond ASCII escaped."""
    return _ENCODER.encode(value).encode()


def base64url(content: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unchecked(token: str, part: int) -> Any:
    """The header (0) or the content (1) of a compact JWS of JSON, by any signer."""
    return json.loads(base64.urlsafe_b64decode(token.split(".")[part] + "=="))


def public_key(raw: bytes) -> dict[str, str]:
    """An Ed25519 public key as a JSON Web Key (RFC 8037); its id is its SHA-256 thumbprint (RFC 7638)."""
    required = {"crv": "Ed25519", "kty": "OKP", "x": base64url(raw)}
    kid = base64url(hashlib.sha256(canonical(required)).digest())
    return {**required, "kid": kid, "alg": "EdDSA", "use": "sig"}


def opened(token: str, keys: Mapping[str, Any], kind: str) -> tuple[bytes, str]:
    """What a compact JWS of some kind signed, and the id of the key that did, one of a set of public keys.

    Raises Permanent `signature_not_valid` if the key is not in the set, is not what its id says, or did not sign this.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        found = next(key for key in keys["keys"] if key.get("kid") == header["kid"])
        raw = base64.urlsafe_b64decode(f"{found['x']}==")
        if public_key(raw)["kid"] != found["kid"] or header.get("typ") != kind:
            raise _refused("its key or its kind is not what it says")
        # A JWS names its own algorithm; only this one is ours.
        return jwt.PyJWS().decode(token, jwt.PyJWK(public_key(raw)), algorithms=["EdDSA"]), str(found["kid"])
    except StopIteration:
        raise _refused("its key is not among the keys that you trust") from None
    except (KeyError, TypeError, AttributeError, ValueError, jwt.PyJWTError):
        raise _refused("the signature is not of this content by that key") from None


def _refused(why: str) -> Permanent:
    return Permanent("signature_not_valid", f"Do not rely on this document: {why}.")
