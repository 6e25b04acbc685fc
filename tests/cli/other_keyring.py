"""A keyring as systems have them: of bounded entries, sometimes locked. Its file is named by FOOTPRINT_TEST_KEYRING."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError, PasswordSetError

FILE = "FOOTPRINT_TEST_KEYRING"
LOCKED = "locked"
MAX_BYTES = 2560  # bytes of UTF-16, as at Windows


class OtherKeyring(KeyringBackend):
    """It keeps what it holds in a file, so that several processes have the same one."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        """What is kept under this name."""
        return self._all().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it, if it is not too long."""
        if len(password.encode("utf-16-le")) > MAX_BYTES:
            raise PasswordSetError("too long")
        self._write({**self._all(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        """Keep it no longer."""
        if (name := f"{service} {username}") not in (known := self._all()):
            raise PasswordDeleteError("there is none")
        self._write({one: kept for one, kept in known.items() if one != name})

    def _all(self) -> dict[str, str]:
        text = Path(os.environ[FILE]).read_text()
        if text == LOCKED:
            raise KeyringLocked("it is locked")
        return dict(json.loads(text))

    def _write(self, known: dict[str, str]) -> None:
        Path(os.environ[FILE]).write_text(json.dumps(known))
