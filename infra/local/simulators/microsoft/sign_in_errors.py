"""Refusals of the sign-in host: an OAuth error with an AADSTS code in its description."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from infra.local.simulators.wire import Answer, Refusal


def sign_in_refusal(code: int, error: str, text: str, *, status: int = 400) -> Refusal:
    """Return a refusal in the documented shape. 401 is kept for a client whose proof is wrong."""
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    described = f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    return Refusal(
        Answer(
            status=status,
            body={
                "error": error,
                "error_description": described,
                "error_codes": [code],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={code}",
            },
        )
    )


def throttled(retry_after: str | None) -> Answer:
    """429 in the shape of an OAuth error, perhaps with a Retry-After."""
    text = "AADSTS90055: The request was throttled because the server is busy."
    return Answer(
        status=429,
        body={"error": "temporarily_unavailable", "error_description": text, "error_codes": [90055]},
        headers={} if retry_after is None else {"Retry-After": str(retry_after)},
    )
