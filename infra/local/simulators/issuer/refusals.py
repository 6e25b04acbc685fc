"""How the issuer refuses a program."""

from __future__ import annotations

from infra.local.simulators.wire import Answer, Refusal


def oauth(error: str, text: str, status: int = 400) -> Refusal:
    """Return a refusal in the shape of OAuth (RFC 6749, section 5.2)."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Refusal(Answer(status=status, body={"error": error, "error_description": text}, headers=headers))
