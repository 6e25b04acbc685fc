"""The token that a request bears: from the environment, or of `auth login`, kept for each address.

It is kept in a file that only its owner can read, and renewed as long as the issuer allows.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.cli.place import VISIBLE, Place, Usage, is_sealed
from shared.foundation.errors import Permanent

if TYPE_CHECKING:
    import httpx

# A token that ends so soon is renewed before it is sent.
MARGIN = timedelta(minutes=1)
TIMEOUT = 10.0

Answer = dict[str, Any]


def token(place: Place) -> str:
    """A token for the service: the one that is set, or the one that is kept. Raises Usage without one."""
    found = place.environ.get("FOOTPRINT_TOKEN", "").strip()
    # Told here, for the libraries below would repeat it in their error.
    if found and not VISIBLE.fullmatch(found):
        raise Usage("token_not_valid", "FOOTPRINT_TOKEN cannot be a token: no token holds spaces or line ends.")
    return found or _signed_in(place)


def _signed_in(place: Place) -> str:
    """The token that is kept for an address, renewed if it is about to end. Raises Usage if there is none."""
    kept = all_kept(place).get(place.address)
    if kept is None:
        raise Usage(
            "no_token",
            "Sign in with “footprint auth login”, or set FOOTPRINT_TOKEN to a token of this deployment's issuer. No "
            "option takes it, so that no list of processes shows it.",
        )
    if datetime.fromisoformat(kept["until"]) - MARGIN > datetime.now(UTC):
        return str(kept["access_token"])
    form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"], "client_id": kept["client_id"]}
    answer: Answer = {}
    if kept["refresh_token"]:
        with client(place) as http:
            answer = posted(http, kept["token_endpoint"], form)
    if "access_token" not in answer:
        raise Usage("signed_out", "The sign-in has expired: sign in again with “footprint auth login”.")
    renewed = as_kept({"refresh_token": kept["refresh_token"], **answer}, kept["token_endpoint"], kept["client_id"])
    keep(place, renewed)
    return str(renewed["access_token"])


def client(place: Place) -> "httpx.Client":
    """What asks the issuer."""
    import httpx

    return httpx.Client(verify=place.trust(), timeout=TIMEOUT)


def found_at(http: "httpx.Client", url: str) -> Answer:
    """What an address answers to a GET. Raises Permanent if it is no JSON."""
    return _answered(http, "GET", url, None)


def posted(http: "httpx.Client", url: Any, form: Mapping[str, str]) -> Answer:
    """What the issuer answers to a form, a refusal too. Raises Permanent if it is no JSON."""
    return _answered(http, "POST", str(url or ""), form)


def _answered(http: "httpx.Client", method: str, url: str, form: Mapping[str, str] | None) -> Answer:
    """What an address answers as JSON, a refusal of the issuer too. Raises Permanent if it is no such answer."""
    import httpx

    if not is_sealed(url):
        raise Permanent("no_sign_in", "The issuer names no address for this that can be trusted. Set FOOTPRINT_TOKEN.")
    host = httpx.URL(url).host
    try:
        answer = http.request(method, url, data=form)
        content = answer.json()
    except httpx.TransportError as error:
        raise Permanent("unreachable", f"Cannot connect to {host}: {error}.") from None
    except ValueError:
        content = None
    if isinstance(content, dict) and answer.status_code == 404 and "detail" in content:
        raise Permanent(str(content.get("code")), str(content["detail"]))
    if not isinstance(content, dict) or (not answer.is_success and "error" not in content):
        raise Permanent("not_the_api", f"{host} answered {answer.status_code}, and not as it should.")
    return content


def as_kept(answer: Answer, endpoint: str, client_id: str) -> Answer:
    """What is kept of the issuer's answer."""
    until = datetime.now(UTC) + timedelta(seconds=float(answer.get("expires_in", 3600)))
    return {
        "access_token": str(answer["access_token"]),
        "refresh_token": answer.get("refresh_token"),
        "until": until.isoformat(timespec="seconds"),
        "token_endpoint": endpoint,
        "client_id": client_id,
    }


def file_of(place: Place) -> Path:
    """The file that keeps the tokens."""
    folder = place.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "footprint" / "tokens.json"


def all_kept(place: Place) -> dict[str, Answer]:
    """What is kept, by the address of the service. Raises Usage if the file cannot be read."""
    try:
        found: dict[str, Answer] = json.loads(file_of(place).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise Usage("tokens_not_readable", f"{file_of(place)} cannot be read. Delete it, and sign in again.") from None
    return found


def keep(place: Place, kept: Answer | None) -> None:
    """Keep a token for the address, or none. The file is readable by its owner alone from its first byte."""
    file, tokens = file_of(place), all_kept(place)
    tokens.pop(place.address, None)
    if kept:
        tokens[place.address] = kept
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)  # made with the mode 0600
    with os.fdopen(handle, "w") as out:
        json.dump(tokens, out)
    Path(name).replace(file)
