"""emulate: the sign-in of Google and of Microsoft as somebody else has read their documents.

It speaks plain HTTP, which neither msal nor a browser would trust with a secret, so TLS stands in front of it.
"""

import html
import json
import re
import shutil
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import httpx
import trustme

from tests.harness.scripted_host import Host, Say, Seen
from tests.programs import HERE, PARTS, running

PROGRAM = PARTS / "node" / "node_modules" / "emulate" / "dist" / "api.js"
FORM = re.compile(r'<form[^>]* action="([^"]+)">(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Emulate:
    """A running sign-in at a TLS address. `seen` has every request that came to it, in order."""

    url: str
    seen: list[Seen]
    browser: httpx.Client

    def pick(self, url: str, address: str, **changed: str) -> tuple[str, dict[str, str]]:
        """Open the page on which people sign in and pick one of them. Where the browser is then sent, and with what.

        `changed` are fields of the page that the browser sends otherwise than they were.
        """
        people = _forms(self.browser.get(url))
        action, fields = next(form for form in people if form[1]["email"] == address)
        back = self.browser.post(urljoin(url, action), data={**fields, **changed})
        if back.status_code == 302:
            target = httpx.URL(back.headers["location"])
            return str(target.copy_with(query=None)), dict(target.params)
        (form,) = _forms(back)
        return form

    def posted(self, path: str) -> list[dict[str, str]]:
        """The forms that came to a path."""
        return [seen.form() for seen in self.seen if (seen.method, seen.path) == ("POST", path)]


def missing() -> str | None:
    """What this machine lacks for it, and what installs that; None if nothing."""
    if not shutil.which("node"):
        return "node is not there (20 or newer)"
    return None if PROGRAM.exists() else "emulate is not there (make parts)"


@contextmanager
def emulate(
    service: Literal["google", "microsoft"], authority: trustme.CA, seed: Mapping[str, Any], issuer: str | None = None
) -> Iterator[Emulate]:
    """Start one with these `users` and `oauth_clients`. `issuer` is who it says it is; by default its address."""
    inner, outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(inner)
    authority.configure_trust(outer)
    with closing(Host(tls=inner)) as front:
        whole = {service: {**seed, "baseUrl": issuer or front.url}}
        command: list[str | Path] = [
            "node",
            "--require",
            HERE / "leash.cjs",
            HERE / "emulate_loopback.cjs",
            PROGRAM,
            service,
            json.dumps(whole),
        ]
        with (
            running(command, ready=r"listening on (http://\S+)") as ready,
            httpx.Client(base_url=ready[1], trust_env=False) as behind,
            httpx.Client(verify=outer, trust_env=False) as browser,
        ):
            front.script = partial(_passed_on, behind)
            yield Emulate(url=front.url, seen=front.seen, browser=browser)


def _forms(page: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    assert page.status_code == 200, page.text
    return [
        (html.unescape(action), {name: html.unescape(value) for name, value in FIELD.findall(content)})
        for action, content in FORM.findall(page.text)
    ]


def _passed_on(behind: httpx.Client, seen: Seen) -> Say:
    headers = _some(seen.headers, "content-type", "authorization", "accept")
    answer = behind.request(seen.method, seen.path, headers=headers, content=seen.body)
    said = _some(answer.headers, "content-type", "cache-control", "location")
    return Say(status=answer.status_code, body=answer.content, headers=said)


def _some(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}
