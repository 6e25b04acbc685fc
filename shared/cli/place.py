"""Where the service is, and whom the command line trusts on the way: from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.foundation.errors import FootprintError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
VISIBLE = re.compile(r"[!-~]+")


class Usage(FootprintError):
    """What was typed, or what is set in the environment, cannot be acted on: exit code 2."""


@dataclass(frozen=True)
class Place:
    """One deployment, as the environment names it."""

    environ: Mapping[str, str]

    @property
    def address(self) -> str:
        """The service's address. Raises Usage if it is not set, or if a token must not be sent there."""
        url = self.environ.get("FOOTPRINT_URL", "").strip().rstrip("/")
        if not url:
            raise Usage(
                "no_url", "Set FOOTPRINT_URL to the address of the service, such as https://footprint.example.com."
            )
        if not is_sealed(url) or "@" in url:
            # Not repeated in the message: the address may hold a password.
            raise Usage(
                "url_not_valid",
                "FOOTPRINT_URL must be an address such as https://footprint.example.com, with nothing behind it; http "
                "is for this machine only, because the token is sent with every request.",
            )
        return url

    def trust(self) -> Any:
        """The certificate authorities: the system's, and the one of FOOTPRINT_CA_FILE."""
        import ssl

        trusted, more = ssl.create_default_context(), self.environ.get("FOOTPRINT_CA_FILE")
        if more:
            try:
                trusted.load_verify_locations(cafile=more)
            except (OSError, ssl.SSLError):
                raise Usage(
                    "ca_file_not_valid", f"FOOTPRINT_CA_FILE: no certificates can be read from {more}."
                ) from None
        return trusted


def is_sealed(url: str) -> bool:
    """Whether an address is one that nobody can listen to: https, or a port of this machine; without a query."""
    try:
        parts = urlsplit(url)
        sealed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        # To ask for the port is what shows that it is one.
        return bool(sealed and parts.hostname and parts.port != 0 and VISIBLE.fullmatch(url) and not set(url) & {*"?#"})
    except ValueError:
        return False
