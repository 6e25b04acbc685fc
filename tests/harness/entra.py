"""A sign-in host of Microsoft's that says what a test tells it."""

from collections.abc import Callable
from typing import Any

from tests.harness.scripted_host import Host, Say, Seen

TENANT = "11111111-2222-4333-8444-555555555555"
SECRET = "s3cret~of.the-app"  # noqa: S105 - of nobody
Answer = Callable[[Seen], Say]


class SignIn:
    """Discovery for one tenant and its domain, and whatever a test wants of the token endpoint."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.tokens: list[Say] = [Say(body=granted("t0k"))]
        self.token_endpoint = f"{host.url}/{TENANT}/oauth2/v2.0/token"
        host.script = self._script

    def _script(self, seen: Seen) -> Say:
        if seen.path.endswith("/token"):
            return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        if seen.path.split("/")[1] not in (TENANT, "contoso.example"):
            return refused(90002)
        addresses = {
            "issuer": f"{self.host.url}/{TENANT}/v2.0",
            "authorization_endpoint": f"{self.host.url}/{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": self.token_endpoint,
        }
        return Say(body=addresses, headers={"Set-Cookie": "buid=of-one-tenant; Path=/; Secure"})

    @property
    def posted(self) -> list[Seen]:
        return [seen for seen in self.host.seen if seen.method == "POST"]


def granted(token: str) -> dict[str, Any]:
    return {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}


def refused(*codes: int, status: int = 400) -> Say:
    said = {"error": "refused", "error_description": f"AADSTS{codes[0]}: words {SECRET}", "error_codes": list(codes)}
    return Say(status=status, body=said)
