"""The policies of a connection: listed in the order in which they decide, made, changed and deleted by a form."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from shared.flows import policies
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.protection import directory_search
from shared.protection import policies as stored
from shared.protection.inspection.conditions import Attachment, Conditions, Failure
from shared.protection.policies import Policy
from shared.web.http import Request, Response, etag, redirect
from shared.web.pages import framed
from shared.web.pages.differences import differences
from shared.web.pages.forms import Errors, at_field, lines, made, one, posted
from shared.web.pages.picker import pickers
from shared.web.pages.policy_words import named_in, sentence
from shared.web.preconditions import precondition
from shared.web.second_person import agreed

Form = Mapping[str, list[str]]
# Fields in which each line, or each ticked box, stands for itself.
TARGETS = ("domains", "groups", "users", "except_domains", "except_groups", "except_users")
LISTS = ("senders", "subjects", "words", "expressions", "links")
SWITCHES: Mapping[str, str] = {
    "impersonation": "Impersonation: display name matches an internal user, address does not",
    "misleading_links": "A link shows another address than its target",
    "scanner": "The deployment's scanner reports the message as risky",
}
FAILURES: Mapping[str, str] = {
    "spf-fail": "SPF fails: the sender's domain does not list the sending server",
    "dkim-fail": "DKIM fails: the signature is not valid",
    "dmarc-fail": "DMARC fails: the sender's domain rejects such mail",
    "unauthenticated": "No SPF, DKIM or DMARC result",
}
ACTIONS: Mapping[str, str] = {
    "label": "Label",
    "spam": "Move to spam",
    "quarantine": "Quarantine (kept 30 days, can be released)",
    "trash": "Move to trash",
    "pass": "Leave in place: no later policy applies",
}
CONDITIONS = frozenset(Conditions.model_fields)
FIELDS = frozenset(Policy.model_fields) | CONDITIONS


async def page(app: App, request: Request) -> Response:
    """The list; with `name` the form that changes one, with `new` the form for another."""
    name = request.query.get("name", "")
    if name:
        policy = await stored.find(app.database, request.connection.id, name)
        if policy is None:
            raise policies.no_such(name)
        return await _form(app, request, _filled(policy), {}, etag(policy.model_dump(mode="json")))
    if "new" in request.query:
        return await _form(app, request, _filled(Policy(name="new")) | {"name": [""]}, {}, "")
    listed = await stored.listed(app.database, request.connection.id)
    groups, users = named_in(listed)
    names = await directory_search.names(app.database, request.connection.id, "groups", groups)
    names |= await directory_search.names(app.database, request.connection.id, "users", users)
    return framed(
        app,
        request,
        "policies",
        policies=[(policy, sentence(policy, names)) for policy in listed],
        acts=_actions(app, request),
        saved="saved" in request.query,
        tag=etag(stored.places(listed)),
    )


async def put(app: App, request: Request) -> Response:
    """Make or change the policy that a form describes; what is wrong with it is told at its field."""
    form, errors = posted(request), Errors()
    if "search" in form:
        return await _form(app, request, form, {}, one(form, "etag"))
    # Its expressions are compiled there.
    policy = await asyncio.to_thread(made, lambda: Policy.model_validate(_typed(form)), errors)
    if policy is None:
        return await _form(app, request, form, errors, one(form, "etag"))
    try:
        if policy.takes_everyones_mail:
            await agreed(app, request, f"policy “{policy.name}” takes everyone's mail")
        await policies.put(app, request.connection, policy, precondition(seen(request, form)), request.actor.name)
    except Refused as error:
        if error.status == 412:
            return await _changed_meanwhile(app, request, form, policy)
        return await _form(app, request, form, at_field(error, FIELDS), one(form, "etag"))
    return redirect(f"/connections/{request.connection.id}/policies?saved=1")


async def try_message(app: App, request: Request) -> Response:
    """The policy's page, with what it would do to a message that was pasted there."""
    form = posted(request)
    # A browser sends the line ends of a form as CR LF, which are those of mail.
    message = (form.get("message") or [""])[0].encode("utf-8", "replace")
    policy, trial = await policies.tried(app, request.connection, one(form, "name"), message)
    tag = etag(policy.model_dump(mode="json"))
    return await _form(app, request, _filled(policy), {}, tag, trial=trial)


async def move(app: App, request: Request) -> Response:
    """Move a policy one place up or down, if the order is still what was seen."""
    form = posted(request)
    by = -1 if one(form, "to") == "up" else 1
    check = precondition(seen(request, form))
    await policies.move(app, request.connection, one(form, "name"), by, check, request.actor.name)
    return redirect(f"/connections/{request.connection.id}/policies?saved=1")


async def delete(app: App, request: Request) -> Response:
    """Delete a policy, if it is still what was seen."""
    form = posted(request)
    check = precondition(seen(request, form))
    await policies.delete(app, request.connection, one(form, "name"), check, request.actor.name)
    return redirect(f"/connections/{request.connection.id}/policies?saved=1")


def seen(request: Request, form: Form) -> Request:
    """The request as the API would have been sent it: with the tag of what the form showed, or for something new."""
    tag = one(form, "etag")
    return replace(request, headers={**request.headers, **({"if-match": tag} if tag else {"if-none-match": "*"})})


async def _changed_meanwhile(app: App, request: Request, form: Form, wanted: Policy) -> Response:
    """The form as it was typed, beside what somebody else has saved since it was opened."""
    now = await stored.find(app.database, request.connection.id, wanted.name)
    there = now.model_dump(mode="json") if now else None
    difference, _ = differences(_flat(now), _flat(wanted)) if now else ([], 0)
    return await _form(
        app, request, form, {}, etag(there) if there else "", status=412, there=there is not None, difference=difference
    )


async def _form(
    app: App, request: Request, form: Form, errors: Errors, tag: str, *, status: int = 200, **more: Any
) -> Response:
    return framed(
        app,
        request,
        "policies",
        400 if errors else status,
        **{"there": None, "difference": [], "trial": None, **more},
        template="policy.html",
        form=form,
        errors=errors,
        tag=tag,
        pickers=await pickers(app, request.connection, form),
        acts=_actions(app, request),
        attachments={name: name.replace("-", " ") for name in get_args(Attachment)},
        failures={name: FAILURES[name] for name in get_args(Failure)},
        switches=SWITCHES if app.settings.scanner.url else {n: t for n, t in SWITCHES.items() if n != "scanner"},
    )


def _flat(policy: Policy) -> dict[str, Any]:
    """A policy with its conditions beside the rest, as its form has them."""
    content = policy.model_dump(mode="json")
    return {**content, **content.pop("conditions")}


def _actions(app: App, request: Request) -> dict[str, str]:
    """What a policy may do here; nothing where mail is inspected on its way."""
    possible = app.platforms[request.connection.platform].actions
    return {name: text for name, text in ACTIONS.items() if name in possible}


def _typed(form: Form) -> dict[str, Any]:
    """A form as the model of a policy takes it."""
    whole: dict[str, Any] = {
        "name": one(form, "name"),
        "order": one(form, "order") or 100,
        "direction": one(form, "direction") or "both",
        "enabled": "enabled" in form,
        "report_only": "report_only" in form,
        "report_only_until": _until(one(form, "report_only_until")),
        "afterwards": one(form, "afterwards") or "ask",
        "everyone": one(form, "whose") == "everyone",
        "actions": [name for name in form.get("actions", ()) if name],
    }
    # A policy for everyone may have named some people before.
    named = TARGETS if not whole["everyone"] else [name for name in TARGETS if name.startswith("except_")]
    whole |= {name: _named(form, name) for name in named}
    conditions: dict[str, Any] = {name: lines(form, name) for name in LISTS}
    conditions |= {name: name in form for name in SWITCHES}
    conditions |= {name: form.get(name, []) for name in ("attachments", "authentication")}
    return whole | {"conditions": {"match": one(form, "match") or "any", **conditions}}


def _until(typed: str) -> str | None:
    """A time as the browser's field has it, which is told as one of UTC."""
    return f"{typed}Z" if typed and not typed.endswith("Z") else typed or None


def _named(form: Form, name: str) -> list[str]:
    """What was ticked or typed, each once."""
    return list(
        dict.fromkeys(part.strip() for value in form.get(name, ()) for part in value.splitlines() if part.strip())
    )


def _filled(policy: Policy) -> dict[str, list[str]]:
    """A policy as its form would be sent."""
    form = {"whose": ["everyone" if policy.everyone else "some"]}
    for name, value in _flat(policy).items():
        if isinstance(value, list):
            form[name] = ["\n".join(value)] if name in LISTS else value
        elif name == "report_only_until":
            form[name] = [value.removesuffix("Z")] if value else []
        elif value is not False:
            form[name] = [str(value)]
    return form
