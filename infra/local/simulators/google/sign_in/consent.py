"""The accounts host: the page on which an administrator agrees, and where the browser goes from there."""

from __future__ import annotations

import heapq
import html
import re
import secrets
from urllib.parse import urlencode, urlsplit

from infra.local.simulators.google import activities, application
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.sign_in.grants import grant_key
from infra.local.simulators.google.state import Code, Google
from infra.local.simulators.wire import Answer, Record, Request

PATH = "/o/oauth2/v2/auth"
DECISION_PATH = "/_consent"
CODE_LIFE = 600  # seconds
SHOWN = 20  # accounts a customer; a person who wants another one would type it
FIELDS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "state",
    "nonce",
    "access_type",
    "prompt",
    "include_granted_scopes",
    "code_challenge",
    "code_challenge_method",
)
KNOWN = frozenset({*FIELDS, "scope", "hd", "login_hint"})
SIGN_IN_SCOPES = frozenset({"openid", "email", "profile"})
SCOPE = re.compile(r"https://(www\.googleapis\.com/auth/[a-z0-9._-]+|mail\.google\.com/)")


class Accounts:
    """Answers an administrator's browser."""

    def __init__(self, google: Google) -> None:
        self._google = google

    def answer(self, request: Request, quirk: str | None = None) -> Answer:  # noqa: ARG002 (all hosts alike)
        """Show the page, act on the form it posts, or tell where the other endpoints are."""
        match request.method, request.path:
            case "GET", "/o/oauth2/v2/auth":
                return self._page(dict(request.query))
            case "POST", "/_consent":
                return self._decide(request)
            case "GET", "/.well-known/openid-configuration":
                return self._discovery()
            case _, ("/o/oauth2/v2/auth" | "/_consent"):
                return Answer(status=405)
        return Answer(status=501, body={"error": f"The accounts host's {request.path} is not simulated."})

    def _discovery(self) -> Answer:
        at = self._google.addresses
        return Answer(
            body={
                "issuer": "https://accounts.google.com",
                "authorization_endpoint": f"{at['accounts']}{PATH}",
                "token_endpoint": f"{at['oauth2']}/token",
                "revocation_endpoint": f"{at['oauth2']}/revoke",
                "userinfo_endpoint": f"{at['www']}/oauth2/v2/userinfo",
                "jwks_uri": f"{at['www']}/oauth2/v3/certs",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _page(self, asked: dict[str, str]) -> Answer:
        if refusal := _refused(asked):
            return refusal
        options = "".join(
            f'<option value="{html.escape(address)}">{html.escape(address)}</option>'
            for address in self._accounts(asked.get("hd", ""), asked.get("login_hint", ""))
        )
        boxes = "".join(
            f'<li><label><input type="checkbox" name="scope" value="{html.escape(one)}" checked> '
            f"{html.escape(one)}</label></li>"
            for one in dict.fromkeys(asked["scope"].split())
        )
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(asked.get(name, ""))}">' for name in FIELDS
        )
        return Answer(
            body=f"""<!doctype html><html lang="en"><head><title>Sign in with Google</title></head><body>
<h1>{html.escape(self._google.brand.application)} wants access to your Google Account</h1>
<form method="post" action="{DECISION_PATH}">{hidden}
<label>Account <select name="user">{options}</select></label>
<ul>{boxes}</ul>
<button name="decision" value="accept">Allow</button> <button name="decision" value="cancel">Cancel</button>
</form></body></html>""",
            content_type="text/html; charset=utf-8",
        )

    def _accounts(self, domain: str, hint: str) -> list[str]:
        """Super administrators first, those of the domain asked for before all; the others can be chosen as well."""
        found: list[str] = [hint] if self._person(hint) else []
        wanted = self._google.customer(domain) if domain else None
        customers = sorted(self._google.customers.values(), key=lambda one: one is not wanted)
        people = [[one for one in customer.users.values() if not one["suspended"]] for customer in customers]
        for users in people:
            found += sorted(one["primaryEmail"] for one in users if one["isAdmin"])
        for users in people:
            found += heapq.nsmallest(SHOWN, (one["primaryEmail"] for one in users))
        return list(dict.fromkeys(found))

    def _person(self, address: str) -> tuple[Customer, Record] | None:
        customer = self._google.customer(address.partition("@")[2]) if "@" in address else None
        user = customer.user(address) if customer else None
        return (customer, user) if customer and user and not user["suspended"] else None

    def _decide(self, request: Request) -> Answer:
        form = request.form()
        chosen = [value for name, value in request.fields() if name == "scope"]
        asked = {name: form.get(name, "") for name in FIELDS} | {"scope": " ".join(chosen)}
        accepted = form.get("decision") == "accept"
        if refusal := _refused({**asked, "scope": asked["scope"] or "openid"}):
            return refusal
        found = self._person(form.get("user", ""))
        if found is None:
            return _failure("invalid_request", "Couldn't find your Google Account.")
        customer, user = found
        if customer.behaviour.admin_policy_enforced:
            return _redirect(asked, {"error": "admin_policy_enforced"})
        if not accepted or not chosen:
            return _redirect(asked, {"error": "access_denied"})
        scopes = self._grant(customer, user, asked, tuple(dict.fromkeys(chosen)))
        code = f"4/0A{secrets.token_urlsafe(40)}"
        self._google.codes[code] = Code(
            customer_id=customer.id,
            user_id=user["id"],
            scopes=scopes,
            redirect_uri=asked["redirect_uri"],
            expires_at=self._google.clock.seconds() + CODE_LIFE,
            nonce=asked["nonce"],
            challenge=asked["code_challenge"],
            offline=asked["access_type"] == "offline",
            consented="consent" in asked["prompt"].split(),
        )
        return _redirect(asked, {"code": code, "scope": " ".join(scopes), "hd": customer.domain})

    def _grant(
        self, customer: Customer, user: Record, asked: dict[str, str], chosen: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Note the grant, and return what the tokens made of it may do."""
        now = self._google.clock.now()
        key = grant_key(user["id"], application.CLIENT_ID)
        before = customer.grants.get(key, {"scopes": (), "refresh_tokens": ()})
        everything = tuple(dict.fromkeys((*before["scopes"], *chosen)))
        customer.grants[key] = {**before, "scopes": everything, "at": now.isoformat()}
        about = activities.event("auth", "authorize", client_id=application.CLIENT_ID, scope=list(chosen))
        activities.log(customer, "token", about, actor=user, now=now)
        return everything if asked["include_granted_scopes"] == "true" else chosen


def _refused(asked: dict[str, str]) -> Answer | None:
    """Return the error page for a link that the accounts host does not even redirect from."""
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not asked.get(name):
            return _failure("invalid_request", f"Missing required parameter: {name}")
    if unknown := sorted(set(asked) - KNOWN):
        return _failure("invalid_request", f"Unknown parameter: {unknown[0]}")
    if asked["client_id"] != application.CLIENT_ID:
        return _failure("invalid_client", "The OAuth client was not found.", 401)
    target = urlsplit(asked["redirect_uri"])
    registered = target.hostname in ("127.0.0.1", "localhost") and target.path == application.REDIRECT_PATH
    if not registered or target.scheme not in ("http", "https") or target.query or target.fragment:
        return _failure("redirect_uri_mismatch", f"The redirect URI {asked['redirect_uri']} is not registered.")
    if asked["response_type"] != "code":
        return _failure("unsupported_response_type", f"Invalid response_type: {asked['response_type']}")
    for one in asked["scope"].split():
        if one not in SIGN_IN_SCOPES and not SCOPE.fullmatch(one):
            return _failure("invalid_scope", f"Some requested scopes were invalid. invalid=[{one}]")
    return _wrong_option(asked)


def _wrong_option(asked: dict[str, str]) -> Answer | None:
    allowed = {
        "access_type": ("", "online", "offline"),
        "include_granted_scopes": ("", "true", "false"),
        "code_challenge_method": ("", "S256"),
    }
    for name, values in allowed.items():
        if asked.get(name, "") not in values:
            return _failure("invalid_request", f"Invalid parameter value for {name}: {asked[name]}")
    if not set(asked.get("prompt", "").split()) <= {"none", "consent", "select_account"}:
        return _failure("invalid_request", f"Invalid parameter value for prompt: {asked['prompt']}")
    # Without a method the challenge would be the verifier itself, in everybody's sight.
    if bool(asked.get("code_challenge")) != bool(asked.get("code_challenge_method")):
        return _failure("invalid_request", "Invalid parameter value for code_challenge_method: plain")
    return None


def _redirect(asked: dict[str, str], result: dict[str, str]) -> Answer:
    if asked.get("state"):
        result["state"] = asked["state"]
    return Answer(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(result)}"})


def _failure(error: str, text: str, status: int = 400) -> Answer:
    page = f"<!doctype html><html><head><title>Error {status}: {error}</title></head><body>{html.escape(text)}"
    return Answer(status=status, body=f"{page}</body></html>", content_type="text/html; charset=utf-8")
