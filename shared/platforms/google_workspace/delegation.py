"""The service account with domain-wide delegation: tokens in the name of a customer's users, by google-auth.

With a key, or keyless: then the runtime's own identity has the IAM signer sign for the account. google-auth is
synchronous and sleeps while it retries, so it runs in a thread, on our own HTTP client.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.deployment.identity import Transport
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent
from shared.foundation.http_client import unreadable
from shared.foundation.platform_settings import Google
from shared.foundation.wire import Wire
from shared.platforms.google_workspace.refusals import classify

IAM = "https://iamcredentials.googleapis.com"
# The one that its own description takes: https://iamcredentials.googleapis.com/$discovery/rest?version=v1
IAM_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_LIFE = timedelta(hours=1)
MIN_TOKEN_LIFE = timedelta(minutes=5)
# Tokens of single mailboxes, kept in this process while they last.
MAX_CACHED_TOKENS = 5000


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A token, and until when it holds."""

    value: str = field(repr=False)
    expires_at: datetime


class Delegation:
    """Tokens of the service account, for itself or in a user's name."""

    def __init__(self, settings: Google, wire: Wire, clock: Clock) -> None:
        self._settings, self._clock, self._wire = settings, clock, wire
        # google-auth sends what the IAM signer is to sign to one address, whatever it is told.
        self._transport = Transport(
            wire, clock, lambda url: settings.iam_url + url.removeprefix(IAM) if url.startswith(IAM + "/") else url
        )
        self._account: Any = None
        self._kept: dict[tuple[str | None, frozenset[str]], AccessToken] = {}
        self.close = self._transport.close

    @property
    def client_id(self) -> str:
        """The account's numeric id, by which an administrator delegates to it; empty if it is not known."""
        stated = self._settings.service_account_client
        if self._settings.service_account is None and stated:
            return stated  # who faces the internet needs to know no more of it
        return str(self._key().get("client_id", "")) or stated

    @property
    def address(self) -> str:
        """The account's address."""
        return str(self._key().get("client_email", "")) or self._stated()

    async def token(self, subject: str | None, scopes: frozenset[str]) -> AccessToken:
        """A token in a user's name, or our own, that holds a while yet: new or kept in this process."""
        kept = self._kept.get((subject, scopes))
        if kept is None or kept.expires_at <= self._clock.now() + MIN_TOKEN_LIFE:
            kept = await self.mint(subject, scopes)
            if len(self._kept) >= MAX_CACHED_TOKENS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[subject, scopes] = kept
        return kept

    def holds(self, subject: str, scopes: frozenset[str]) -> bool:
        """Whether a token in a user's name is kept that holds a while yet."""
        kept = self._kept.get((subject, scopes))
        return kept is not None and kept.expires_at > self._clock.now() + MIN_TOKEN_LIFE

    def drop(self, subject: str) -> None:
        """Forget the tokens in a user's name."""
        for key in [key for key in self._kept if key[0] == subject]:
            self._kept.pop(key, None)

    async def mint(self, subject: str | None, scopes: frozenset[str]) -> AccessToken:
        """A new token. Raises TokenRefused, Permanent or Temporary by what the refusal means."""
        now = self._clock.now()
        value = await self._wire.aside(self._ask, subject, sorted(scopes), now)
        return AccessToken(value=value, expires_at=now + TOKEN_LIFE)

    def _ask(self, subject: str | None, scopes: list[str], now: datetime, *, again: bool = False) -> str:
        from google.auth.exceptions import GoogleAuthError, RefreshError

        # By our own clock, which on one machine can be moved; google-auth would take the machine's.
        times = {"iat": int(now.timestamp()), "exp": int((now + TOKEN_LIFE).timestamp())}
        try:
            credentials = self._credentials().with_scopes(scopes).with_claims(times)
            if subject is not None:
                credentials = credentials.with_subject(subject)
            credentials.refresh(self._transport)
        except RefreshError as error:
            told = error.args[1] if len(error.args) > 1 else None
            if not isinstance(told, dict):
                raise unreadable(self._wire.service(self._settings.token_url), 400) from None
            raise classify(told) from None
        except (TypeError, KeyError, json.JSONDecodeError):
            # google-auth takes a success for JSON with what it asked for, and a proxy may say something else.
            raise unreadable(self._wire.service(self._settings.token_url), 200) from None
        except GoogleAuthError as error:
            if self._transport.status == 401 and not again:
                # The token of the account that we run as has ended before its time: it is asked for another one, once.
                self._account = None
                return self._ask(subject, scopes, now, again=True)
            # Its text may hold an answer's body, so only its kind is told.
            raise Permanent(
                "our_credential",
                f"The service account cannot sign ({type(error).__name__}). Check its key, or the right of this "
                "deployment's identity to sign for it.",
            ) from None
        return str(credentials.token)

    def _credentials(self) -> Any:
        from google.oauth2 import service_account

        # Published without types.
        account: Any = service_account.Credentials
        if self._account is None:
            uri = f"{self._settings.token_url}/token"
            key = self._key()
            if key:
                made = account.from_service_account_info({**key, "token_uri": uri})
            else:
                made = account(self._signer(), self._stated(), uri)
            self._account = made
        return self._account

    def _signer(self) -> Any:
        from google.auth import default, iam

        transport: Any = self._transport
        source, _ = default(scopes=[IAM_SCOPE], request=transport)
        signer: Any = iam.Signer
        return signer(self._transport, source, self._stated())

    def _stated(self) -> str:
        secret = self._settings.service_account
        if secret is None:
            raise Permanent("our_credential", "This deployment has no Google service account: set it in its settings.")
        return secret.get_secret_value().strip()

    def _key(self) -> dict[str, Any]:
        """The key file's content; empty where there is only an address, and somebody else signs."""
        stated = self._stated()
        if "@" in stated and not stated.startswith("{"):
            return {}
        try:
            content = json.loads(stated if stated.startswith("{") else Path(stated).read_text())
        except (OSError, ValueError):
            raise Permanent("our_credential", "The service account's key file cannot be read.") from None
        if not isinstance(content, dict) or "private_key" not in content:
            raise Permanent("our_credential", "The service account's key file holds no key.")
        return content
