"""The administrator's consent page, and what a browser gets for Accept and Cancel."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode, urlsplit

from infra.local.simulators.microsoft import applications
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.wire import Answer, Request

PATH = re.compile(r"/([^/]+)/v2\.0/adminconsent")
DECISION_PATH = "/_consent"
REDIRECT_PATH = "/api/consent/microsoft365"
FIELDS = ("client_id", "scope", "redirect_uri", "state")


def answer(microsoft: Microsoft, request: Request) -> Answer:
    """Show the page, or act on the form it posts."""
    if request.path == DECISION_PATH:
        return _decide(microsoft, request) if request.method == "POST" else Answer(status=405)
    if request.method != "GET":
        return Answer(status=405)
    found = PATH.fullmatch(request.path)
    return _page(microsoft, found[1] if found else "", dict(request.query))


def _page(microsoft: Microsoft, authority: str, asked: dict[str, str]) -> Answer:
    if authority == "common":
        return failure(90009, "The common endpoint is not allowed here; use a tenant or organizations.")
    if refusal := refused(asked):
        return refusal
    if authority == "organizations":
        choices = list(microsoft.tenants.values())
    else:
        tenant = microsoft.tenant(authority)
        if tenant is None:
            return failure(90002, f"Tenant '{authority}' not found.")
        choices = [tenant]
    names = [applications.ROLES[app][role] for app, role in applications.REQUIRED]
    listed = "".join(f"<li>{html.escape(name)}</li>" for name in names)
    options = "".join(f'<option value="{one.id}">{html.escape(one.name)}</option>' for one in choices)
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(asked.get(name, ""))}">' for name in FIELDS
    )
    return Answer(
        body=f"""<!doctype html><html lang="en"><head><title>Permissions requested</title></head><body>
<h1>Permissions requested</h1><p>{html.escape(microsoft.brand.application)} asks, for your whole organisation, for:</p>
<ul>{listed}</ul>
<form method="post" action="{DECISION_PATH}">{hidden}
<label>Organisation <select name="tenant">{options}</select></label>
<button name="decision" value="accept">Accept</button> <button name="decision" value="cancel">Cancel</button>
</form></body></html>""",
        content_type="text/html; charset=utf-8",
    )


def refused(asked: dict[str, str]) -> Answer | None:
    """Return the error page for a link that the sign-in host does not even redirect from."""
    for name in ("client_id", "scope", "redirect_uri"):
        if not asked.get(name):
            return failure(900144, f"The request must contain the following parameter: '{name}'.")
    if asked["client_id"] != applications.CLIENT_ID:
        return failure(700016, f"Application with identifier '{asked['client_id']}' was not found.")
    target = urlsplit(asked["redirect_uri"])
    registered = target.hostname in ("127.0.0.1", "localhost") and target.path == REDIRECT_PATH
    if not registered or target.scheme not in ("http", "https") or target.query or target.fragment:
        text = f"The redirect URI '{asked['redirect_uri']}' does not match those of the application."
        return failure(50011, text)
    return None


def _decide(microsoft: Microsoft, request: Request) -> Answer:
    form = request.form()
    if refusal := refused(form):
        return refusal
    tenant = microsoft.tenant(form.get("tenant", ""))
    if tenant is None:
        return failure(90002, f"Tenant '{form.get('tenant')}' not found.")
    # The parameter is there in the refusal too, so it says nothing about what was decided.
    result = {"admin_consent": "True"}
    if form.get("decision") == "accept":
        scopes = form["scope"].split()
        # Application permissions come with .default only; single scopes are a person's, not an application's.
        everything = any(one.endswith("/.default") for one in scopes)
        applications.consent(
            tenant, microsoft.brand.application, microsoft.clock.now(), application_permissions=everything
        )
        granted = [applications.ROLES[app][role] for app, role in applications.REQUIRED if everything]
        result |= {"tenant": tenant.id, "scope": " ".join(granted or scopes)}
    else:
        text = f"AADSTS65004: User declined to consent to access the app {microsoft.brand.application}."
        result |= {"error": "consent_required", "error_description": text}
    if form.get("state"):
        result["state"] = form["state"]
    return Answer(status=302, headers={"Location": f"{form['redirect_uri']}?{urlencode(result)}"})


def failure(code: int, text: str) -> Answer:
    """The sign-in host's own error page."""
    page = f"<!doctype html><html><head><title>Sign in</title></head><body>AADSTS{code}: {html.escape(text)}"
    return Answer(status=400, body=f"{page}</body></html>", content_type="text/html; charset=utf-8")
