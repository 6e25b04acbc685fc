"""A smoke life, by which a new version is tried before anybody is sent to it: `python -m infra.smoke --help`.

A connection to each platform is made, its invitation opened and followed to the platform's sign-in, and revoked; the
workers look at it, and its ledger is checked. Nobody consents, so no tenant is touched. With `--connection`, one that
runs in a tenant of one's own is then checked by the workers, which shows the platform's side too.

FOOTPRINT_URL is the address that is tried, which may be another than the public one; FOOTPRINT_TOKEN is of an account
with the role `operator` that sees all customers.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from infra.local.demo.browser import Page
from shared.cli.api import Answer, Api, of
from shared.cli.place import Place
from shared.foundation.errors import FootprintError
from shared.foundation.hash_chain import checked

PLATFORMS = ("microsoft365", "google")
# How its connections are called; they stay, closed, until an administrator erases them or FOOTPRINT_RETENTION__CLOSED.
NAME = "Smoke life"
POLL_SECONDS = 1.0
ANSWER_SECONDS = 60.0


class Failed(Exception):
    """Something is not as it should be; its text says what."""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Live it; 0 if all of it held."""
    parser = argparse.ArgumentParser(prog="python -m infra.smoke", description="Tries a deployment by a smoke life.")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="one of several; by default all of them")
    parser.add_argument("--site", default="eu", help="a site that the deployment serves")
    parser.add_argument("--connection", help="name or id of a running connection, to be checked at its platform")
    parser.add_argument("--within", type=float, default=600, help="seconds that each wait may take")
    said = parser.parse_args(arguments)
    place = Place(environ)
    try:
        with Api(place, tell) as api, httpx.Client(verify=place.trust(), timeout=ANSWER_SECONDS) as browser:
            _ready(browser, place.address, said.within)
            for platform in said.platform or PLATFORMS:
                _life(api, browser, place.address, platform, said.site, said.within)
            if said.connection:
                _checked(api, said.connection, said.within)
    except (Failed, FootprintError, httpx.HTTPError) as error:
        sys.stderr.write(f"{error.sentence if isinstance(error, FootprintError) else error}\n")
        return 1
    return 0


def tell(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ready(browser: httpx.Client, address: str, within: float) -> None:
    """Wait until the health page says that the deployment does its work."""
    said = ""

    def ready() -> bool:
        nonlocal said
        try:
            answer = browser.get(f"{address}/api/health/ready")
        except httpx.TransportError as error:  # it may still be starting
            said = f"{type(error).__name__}"
            return False
        said = answer.text[:1000]
        return answer.status_code == 200

    _until(ready, within, lambda: f"It did not become ready: {said}")
    tell("It is ready.")


def _life(api: Api, browser: httpx.Client, address: str, platform: str, site: str, within: float) -> None:
    """A connection from its making to its end, to which nobody consents."""
    made = api.post("/connections", {"platform": platform, "site": site, "name": NAME})
    connection = str(made["id"])
    try:
        _invited(browser, address, str(made["consent_url"]), platform)
        rows = api.get(of(connection, "changes"))["rows"]
        if not rows or any(row["state"] not in {"absent", "stopped", "on demand"} for row in rows):
            raise Failed(f"{platform}: the table of a connection that changed nothing shows something else.")
        tell(f"{platform}: the invitation leads to the platform's sign-in, and the table has {len(rows)} rows.")
    finally:
        api.post(of(connection, "revoke"), {})
    found: Answer = {}

    def looked_at() -> bool:
        found.update(api.get(of(connection)))
        return bool(found["stage"] == "closed" and (found["looked_at"] or "") > found["stage_since"])

    _until(looked_at, within, lambda: f"{platform}: no worker has looked at the revoked connection: {found}")
    entries = api.every(of(connection, "ledger"), "entries")["entries"]
    chain = checked(entries, len(entries), entries[-1]["hash"])
    tell(
        f"{platform}: revoked and closed; a worker has looked at it, and {chain.entries} entries are its whole ledger."
    )


def _invited(browser: httpx.Client, address: str, link: str, platform: str) -> None:
    """Open an invitation at the address that is tried, and see that it leads to the platform and back."""
    public, _, code = link.partition("#")
    origin = "/".join(public.split("/")[:3])
    # Cookies of several invitations would be one name's.
    browser.cookies.clear()
    sent = browser.post(f"{address}/connect", data={"code": code}, headers={"Origin": origin})
    if sent.status_code != 303:
        raise Failed(f"{platform}: the invitation does not open: {sent.status_code}.")
    page = browser.get(urljoin(f"{address}/connect", sent.headers["location"]))
    onward = Page(page.text).links.get("button first", "")
    if page.status_code != 200 or not onward:
        raise Failed(f"{platform}: the invitation's page has no way to the platform: {page.status_code}.")
    back = parse_qs(urlsplit(onward).query).get("redirect_uri", [""])[0]
    if not back.startswith(f"{origin}/api/consent/"):
        raise Failed(f"{platform}: the platform would send the administrator to “{back}”, not to {origin}.")


def _checked(api: Api, word: str, within: float) -> None:
    """Have a running connection checked by the workers, at its platform."""
    before = api.find(word)
    api.post(of(before["id"], "reconcile"), {"repair": False})
    found: Answer = before

    def looked_at() -> bool:
        nonlocal found
        found = api.get(of(before["id"]))
        return bool(found["looked_at"] != before["looked_at"] and not found["working"])

    _until(looked_at, within, lambda: f"“{found['name']}” was not looked at.")
    if found["status"] != "healthy":
        raise Failed(f"“{found['name']}” is {found['status']}: {found['sentence']}")
    tell(f"“{found['name']}” was checked at its platform, and is as declared.")


def _until(test: Callable[[], bool], within: float, says: Callable[[], str]) -> None:
    """Wait until something is true. Raises Failed with what `says` says if it is not within so many seconds."""
    end = time.monotonic() + within
    while not test():
        if time.monotonic() > end:
            raise Failed(says())
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
