"""Commands that sign in at the deployment's issuer, with a code that is typed on any device, and out.

Source: https://www.rfc-editor.org/rfc/rfc8628.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from typer import Context

from shared.cli.api import Answer
from shared.cli.call import Call
from shared.cli.terminal import moment
from shared.cli.token_store import find, keep
from shared.cli.tokens import as_kept, client, found_at, posted
from shared.foundation.errors import Permanent

if TYPE_CHECKING:
    import httpx

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
# Between two questions whether the person has signed in, if the issuer does not say, and what “slow down” adds.
INTERVAL = SLOWER = 5.0


def login(context: Context) -> int:
    """Sign in: open the printed address, and type the code. The token is kept for this address."""
    call = Call.of(context)
    with client(call.place) as http:
        how = found_at(http, f"{call.place.address}/api/sign-in")
        issuer = found_at(http, how["issuer"].rstrip("/") + "/.well-known/openid-configuration")
        if issuer.get("issuer") != how["issuer"]:
            raise Permanent("another_issuer", "What answers at the issuer's address is another issuer.")
        known = {"client_id": how["client_id"]}
        asked = posted(http, issuer.get("device_authorization_endpoint"), {**known, "scope": how["scope"]})
        if "device_code" not in asked:
            raise _refused(asked)
        call.terminal.say(f"Open {asked['verification_uri']} and enter the code {asked['user_code']}.")
        answer = _awaited(http, issuer["token_endpoint"], known, asked)
    keep(call.place, as_kept(answer, issuer["token_endpoint"], how["client_id"]))
    call.terminal.say(f"Signed in to {call.place.address}.")
    return 0


def status(context: Context) -> int:
    """Show where the token for the service comes from, and how long it lasts."""
    call = Call.of(context)
    kept, where = find(call.place)
    named = bool(call.place.environ.get("FOOTPRINT_TOKEN", "").strip())
    found: Answer = {
        "service": call.place.address,
        "token": "FOOTPRINT_TOKEN" if named else where if kept else "none",
        "until": None if named or not kept else kept["until"],
        "renewable": None if named or not kept else bool(kept["refresh_token"]),
    }
    call.facts(found, {**found, "until": moment(found["until"])})
    return 0 if named or kept else 1


def logout(context: Context) -> int:
    """Delete the token that is kept for this address."""
    call = Call.of(context)
    gone, _ = find(call.place)
    keep(call.place, None)
    call.terminal.say(f"Signed out of {call.place.address}." if gone else "You were not signed in.")
    return 0


def _awaited(http: "httpx.Client", endpoint: str, known: Mapping[str, str], asked: Answer) -> Answer:
    """The token, once the person has signed in. Raises Permanent if they declined or took too long."""
    pause, end = float(asked.get("interval", INTERVAL)), time.monotonic() + float(asked["expires_in"])
    while time.monotonic() < end:
        time.sleep(pause)
        answer = posted(http, endpoint, {**known, "grant_type": DEVICE_CODE, "device_code": asked["device_code"]})
        match answer.get("error"):
            case None if "access_token" in answer:
                return answer
            case "authorization_pending":
                continue
            case "slow_down":
                pause += SLOWER
            case _:
                raise _refused(answer)
    raise Permanent("sign_in_over", "The code has expired. Begin again with “footprint auth login”.")


def _refused(answer: Answer) -> Permanent:
    word = str(answer.get("error", "no code"))[:40]
    return Permanent("sign_in_declined", f"You were not signed in: the issuer answered “{word}”.")
