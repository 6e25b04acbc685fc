"""Every edit of the table is told with its right effects and no other, and a harmless one is not told at all."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.platforms.google_workspace.mail_flow.rules import Share
from shared.platforms.google_workspace.mail_flow.verdict import copies, difference
from tests.gmail_edits import DOCUMENT, edits, printed
from tests.platforms.google_workspace.mail_flow.flow import SECRET, Flow, found, set_up


@pytest.fixture(scope="module")
def before() -> Flow:
    """Everybody is protected, and all is as it should be."""
    return set_up()


def make(flow: Flow, action: str, given: dict[str, Any]) -> Flow:
    """Make an edit."""
    match action:
        case "mx":
            records = {name: [[place, host] for place, host in enumerate(hosts)] for name, hosts in given.items()}
            flow.customer.behaviour = flow.customer.behaviour.changed({"mx": records})
        case "group":
            return replace(flow, **given)
        case _:
            flow.act(action, **given)
    return flow


def filled(flow: Flow, acts: Any) -> list[tuple[str, dict[str, Any]]]:
    """The acts of an edit with what braces stand for."""
    service, text = flow.service, json.dumps(acts)
    names = {"header": service.return_header, "secret": SECRET, "route": service.route, "host": service.host}
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return [(action, given) for action, given in json.loads(text)]


@pytest.mark.parametrize("edit", edits(), ids=lambda edit: edit["what"])
def test_an_edit_is_told_by_what_it_does_to_mail(before: Flow, edit: dict[str, Any]) -> None:
    after = before.copy()
    for action, given in filled(before, edit["acts"]):
        after = make(after, action, given)
    told = found(before, after)
    assert [str(one.effect) for one in told] == edit["effect"], told
    if told:
        assert {one.share for one in told} == {Share[edit.get("share", "all").upper()]}


def test_the_document_shows_the_table() -> None:
    assert DOCUMENT.read_text() == printed()


def test_what_was_wrong_already_when_it_was_set_up_is_told_of_ours_alone(before: Flow) -> None:
    after = before.copy()
    after.act("edit-rule", content={"condition": {"affectInboundMessages": False}})
    after.act("add-rule", name="Theirs", content={"consequence": {"ruleConsequenceType": "REJECT"}})
    now = after.snapshot()
    told = after.service, after.protection
    assert [one.own for one in difference(None, now, *told)] == ["rule"]
    assert [one.own for one in difference(now, now, *told)] == ["rule"]


def test_a_rule_in_a_form_that_is_not_known_is_unknown_and_not_gone(before: Flow) -> None:
    now = before.snapshot()
    (identity,) = copies(now, before.service)
    rule = now.things["rule"][identity]
    shown = {**rule, "rule": {**rule["rule"], "consequence": {"ruleConsequenceType": "MODIFY_MESSAGE"}}}
    changed = replace(now, things={**now.things, "rule": {**now.things["rule"], identity: shown}})
    told = difference(now, changed, before.service, before.protection)
    assert {str(one.effect) for one in told} == {"unknown"}
