"""Every edit of the table is told with its right effects and no other, and a harmless one is not told at all."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.mail_edits import DOCUMENT, edits, printed
from tests.platforms.microsoft365.mail_flow import flow as names
from tests.platforms.microsoft365.mail_flow.flow import Flow, findings

PLACE = re.compile(r"\{place:(\w+)\}")
NAME = re.compile(r"\{(\w+)\}")
RULES = {
    "in": names.IN_DOMAIN, "out": names.OUT_DOMAIN, "in_user": names.IN_USER, "out_user": names.OUT_USER,
    "junk": names.JUNK, "skip": names.SKIP, "to_scanner_in": names.TO_SCANNER_IN,
    "to_scanner_out": names.TO_SCANNER_OUT, "back_in": names.BACK_IN, "back_out": names.BACK_OUT,
}  # fmt: skip


@pytest.mark.parametrize("edit", edits(), ids=lambda edit: edit["what"])
def test_an_edit_is_told_by_what_it_does_to_mail(whole: Flow, some: Flow, edit: dict[str, Any]) -> None:
    before = some if edit.get("people") else whole
    after = before.copy()
    make(after, edit["cmdlet"], filled(before, edit["given"]))
    found = findings(before, after)
    assert {one.effect for one in found} == set(edit["effect"])
    if "share" in edit:
        assert {one.share for one in found} == {edit["share"]}


def test_the_document_shows_the_table() -> None:
    assert DOCUMENT.read_text() == printed()


def make(flow: Flow, cmdlet: str, given: dict[str, Any]) -> None:
    """Make an edit."""
    tenant = flow.tenant
    match cmdlet:
        case "mx":
            records = {name: [[place, host] for place, host in enumerate(hosts)] for name, hosts in given.items()}
            tenant.behaviour = tenant.behaviour.changed({"mx": records})
        case "domain":
            tenant.accepted_domains = {k: v for k, v in tenant.accepted_domains.items() if k != given["name"]}
        case "members":
            tenant.members |= {flow.group(way): frozenset(ids) for way, ids in given.items()}
        case _:
            flow.run(cmdlet, **given)


def filled(flow: Flow, value: Any) -> Any:
    """A value with what braces stand for in a tenant."""
    if isinstance(value, dict):
        return {key: filled(flow, one) for key, one in value.items()}
    if isinstance(value, list):
        return [text for one in value for text in (members(flow) if one == "{members}" else [filled(flow, one)])]
    if not isinstance(value, str):
        return value
    if place := PLACE.fullmatch(value):
        return len(flow.tenant.rules) - 1 if place[1] == "last" else flow.place(RULES[place[1]])
    return NAME.sub(lambda found: known(flow, found[1]), value)


def known(flow: Flow, name: str) -> str:
    """What one name in braces stands for."""
    if name in RULES:
        return RULES[name]
    match name:
        case "return_secret":
            return flow.service.return_secret
        case "host_out":
            return flow.service.outgoing_host
        case "group_in":
            return str(flow.tenant.groups[flow.group("incoming")]["mail"])
        case "unprotected" | "unprotected_id":
            key, mail = next(one for one in people(flow) if one[0] not in members(flow))
            return mail if name == "unprotected" else key
        case _:
            days = {"tonight": 0.4, "in_three_days": 3, "in_a_year": 365}[name]
            return (flow.now + timedelta(days=days)).isoformat()


def members(flow: Flow) -> list[str]:
    """The ids of those whose incoming mail is protected."""
    return sorted(flow.tenant.members[flow.group("incoming")])


def people(flow: Flow) -> list[tuple[str, str]]:
    """Ids and addresses of people of the main domain."""
    users = sorted(flow.tenant.users.items())
    return [(key, one["mail"]) for key, one in users if str(one["mail"]).endswith("@contoso.com")]
