"""The IAM Credentials API: a service account signs in the name of another one on which it has that right."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt

from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.project import ServiceAccount

MAX_LIFETIME_SECONDS = 12 * 3600  # seconds


def _sign_blob(asked: Asked) -> Mapping[str, Any]:
    account = _account(asked, "signBlob")
    payload = asked.body.get("payload")
    if not payload:
        raise refused(400, "", "Request contains an invalid argument: payload is required.", name="INVALID_ARGUMENT")
    signature = account.signature(base64.b64decode(payload.translate(str.maketrans("-_", "+/"))))
    return {"keyId": account.own_key.key_id, "signedBlob": base64.b64encode(signature).decode()}


def _sign_jwt(asked: Asked) -> Mapping[str, Any]:
    account = _account(asked, "signJwt")
    try:
        claims = json.loads(asked.body.get("payload") or "null")
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise refused(400, "", "The payload is not a JSON object of claims.", name="INVALID_ARGUMENT")
    now = asked.now.timestamp()
    if "exp" in claims and claims["exp"] > now + MAX_LIFETIME_SECONDS:
        raise refused(400, "", "The expiry is more than 12 hours in the future.", name="INVALID_ARGUMENT")
    signed = jwt.encode(claims, account.own_key.key, algorithm="RS256", headers={"kid": account.own_key.key_id})
    return {"keyId": account.own_key.key_id, "signedJwt": signed}


def _account(asked: Asked, action: str) -> ServiceAccount:
    """Find the account to sign as. To those who may not, one that is not there looks the same."""
    project = asked.google.project
    account = project.account(asked.args["serviceAccountsId"])
    if asked.args["projectsId"] != "-":
        raise refused(400, "", "The wildcard - is required for the project.", name="INVALID_ARGUMENT")
    if account is None or not project.may_sign(asked.account, account.email):
        text = f"Permission 'iam.serviceAccounts.{action}' denied on resource (or it may not exist)."
        raise refused(403, "", text, name="PERMISSION_DENIED")
    return account


HANDLERS: Mapping[str, Handler] = {
    "iamcredentials.projects.serviceAccounts.signBlob": _sign_blob,
    "iamcredentials.projects.serviceAccounts.signJwt": _sign_jwt,
}
