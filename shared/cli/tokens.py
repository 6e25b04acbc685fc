"""The token that a request bears: from the environment, or of `auth login`, renewed as long as the issuer allows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.cli import token_store
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
    kept, _ = token_store.find(place)
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
    token_store.keep(place, renewed)
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
        raise Permanent("not_the_api", f"{host} returned {answer.status_code}, but not from Footprint's API.")
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
