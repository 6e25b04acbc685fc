"""The signature on an exit certificate."""

from typing import Any

from shared.deployment.sealing import Seal


async def sign(seal: Seal, document: dict[str, Any]) -> tuple[str, str]:
    """The document as a JSON Web Signature (EdDSA), and the public key, as PEM, by which anyone can check it."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    signer = Ed25519PrivateKey.from_private_bytes(await seal.derived("certificates"))
    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return jwt.encode(document, signer, algorithm="EdDSA"), public.decode()
