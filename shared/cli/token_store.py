"""Where a token is kept between commands: in the system's keyring where there is one, else in a file of its owner's.

Headless machines seldom have a keyring. PYTHON_KEYRING_BACKEND chooses another one.
Source: https://keyring.readthedocs.io/.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.cli.place import Place, Usage

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

Answer = dict[str, Any]
SERVICE = "footprint"
# Windows keeps 2,560 bytes under one name, two for a character (CRED_MAX_CREDENTIAL_BLOB_SIZE); tokens are longer.
PART = 1000


def find(place: Place) -> tuple[Answer | None, str]:
    """What is kept for the address, and where. Raises Usage if that cannot be read."""
    ring = _keyring()
    if ring is not None and (text := "".join(_parts(ring, place.address))):
        return _read(text, "The keyring's entry for “footprint”"), ring.name
    file = file_of(place)
    return _in_file(file).get(place.address), str(file)


def keep(place: Place, kept: Answer | None) -> None:
    """Keep a token for the address, in one place; None: in none any more."""
    ring = _keyring()
    if ring is not None and _put(ring, place.address, json.dumps(kept) if kept else ""):
        _put_in_file(file_of(place), place.address, None)
    else:
        _put_in_file(file_of(place), place.address, kept)


def file_of(place: Place) -> Path:
    """The file that keeps tokens where there is no keyring."""
    folder = place.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "footprint" / "tokens.json"


def _keyring() -> "KeyringBackend | None":
    """The system's keyring, if the library recommends what it finds."""
    import keyring
    from keyring.core import recommended

    found = keyring.get_keyring()
    return found if recommended(found) else None


def _parts(ring: "KeyringBackend", address: str) -> Iterator[str]:
    """The parts of what a keyring holds. Raises Usage if it stays locked."""
    from keyring.errors import KeyringError

    try:
        for name in _names(address):
            if (part := ring.get_password(SERVICE, name)) is None:
                return
            yield part
    except KeyringError as error:
        raise Usage(
            "tokens_not_readable",
            f"The keyring “{ring.name}” did not open: {error}. Unlock it, or set FOOTPRINT_TOKEN.",
        ) from None


def _put(ring: "KeyringBackend", address: str, text: str) -> bool:
    """Whether a keyring took a text for an address; none deletes what it holds. What it refuses is left to the file."""
    from keyring.errors import KeyringError

    parts = [text[begin : begin + PART] for begin in range(0, len(text), PART)]
    names = _names(address)
    try:
        for part in parts:
            ring.set_password(SERVICE, next(names), part)
        # What was longer before has more parts.
        while ring.get_password(SERVICE, name := next(names)) is not None:
            ring.delete_password(SERVICE, name)
    except KeyringError:
        return False
    return True


def _names(address: str) -> Iterator[str]:
    return (address if number == 1 else f"{address} {number}" for number in count(1))


def _in_file(file: Path) -> dict[str, Answer]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    except OSError:
        text = ""
    return _read(text, str(file))


def _read(text: str, where: str) -> Answer:
    try:
        found: Answer = json.loads(text)
    except ValueError:
        raise Usage("tokens_not_readable", f"{where} cannot be read. Delete it, and sign in again.") from None
    return found


def _put_in_file(file: Path, address: str, kept: Answer | None) -> None:
    """Write the file, which is its owner's alone from its first byte; none is made to hold nothing."""
    tokens = _in_file(file)
    if tokens.pop(address, None) is None and kept is None:
        return
    if kept:
        tokens[address] = kept
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)  # made with the mode 0600
    with os.fdopen(handle, "w") as out:
        json.dump(tokens, out)
    Path(name).replace(file)
