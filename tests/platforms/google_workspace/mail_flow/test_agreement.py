"""The model against the simulator's own evaluator: what becomes of a message the model has told, or that it cannot."""

import json
from itertools import product
from random import Random
from typing import Any

import pytest

from infra.local.simulators.google.gmail.router import Carried, Console, Mail, Scanner, carry
from shared.engine.effects import Effect
from tests.gmail_edits import edits
from tests.platforms.google_workspace.mail_flow.flow import ADDRESS, SECRET, Flow, effects, set_up
from tests.platforms.google_workspace.mail_flow.test_edits import filled, make

LIVES = 120
AT_MOST = 4
# The router knows neither DNS nor a routing rule that no API shows.
BEYOND = ("mx", "add-routing")
# What the customer does with some content is their own wish, and nothing gets in unscanned.
WISHES = {
    "A rule refuses mail with a word",
    "A rule holds mail that comes from a partner's addresses",
    "A rule lets mail with a word bypass the spam filter",
    "A rule refuses the senders of an address list",
    "A rule lets the senders of an address list bypass the spam filter",
}
# No API shows it, and the ledger says so.
UNSEEN = {"The inbound gateway is edited (a blind spot)"}
# The router's scanner sends from one address of the service's; what else comes from them is a stranger's there.
OTHER_ADDRESSES = {
    "An address of ours is blocked as a sender",
    "A rule lets mail from our addresses bypass the spam filter",
}
KNOWN = [
    one
    for one in edits()
    if one["what"] not in WISHES | UNSEEN | OTHER_ADDRESSES
    and not any(act in BEYOND or "ARCHIVE" in str(more) for act, more in one["acts"])
]
# A rule that stamps mail may come before ours or after it.
POSSIBLE = {"A rule puts the mark of returned mail on new mail", "A rule writes our header with its secret"}
MESSAGES = [
    {"server": server, "body": body, "spam": spam, "sender": sender}
    for server, body, spam, sender in product(
        ("192.0.2.200", "198.51.100.200", "203.0.113.200"),
        ("", "the invoice"),
        (False, True),
        ("ann@partner.example", "eve@orchard.example"),
    )
]


def came_to(carried: Carried) -> set[Effect]:
    """What is wrong with how a message went."""
    found = {
        Effect.UNSCANNED: carried.copied or (carried.end == "mailbox" and not carried.scans),
        Effect.BOUNCED_OR_DELAYED: carried.stripped or carried.end in ("refused", "held", "elsewhere"),
        Effect.SCANNED_TWICE_OR_LOOP: carried.scans > 1,
        Effect.TRUSTED_WITHOUT_US: carried.trusted,
        Effect.RETURNED_MISJUDGED: carried.misjudged,
    }
    return {effect for effect, holds in found.items() if holds}


def outcomes(flow: Flow) -> set[Effect]:
    """What is wrong with any of some messages to protected people of each unit."""
    people = sorted(one["primaryEmail"] for one in flow.customer.users.values() if not one["suspended"])
    named = flow.group and flow.address.lower() == ADDRESS
    service = flow.service
    console = Console(
        rule=service.rule,
        identity=str(service.rule_id),
        route=service.route,
        members=frozenset(people[flow.taken_out :] if named else ()),
    )
    mark = service.return_header, SECRET
    scanner = Scanner(host=service.host, address="203.0.113.17", domain=service.sending_domain, header=mark)
    mails = [Mail(recipient=person, **message) for person in people[:8] for message in MESSAGES]
    # A stranger may write our header, and does not know its secret.
    mails += [Mail(recipient=person, headers={service.return_header: "1"}) for person in people[:8]]
    return {effect for mail in mails for effect in came_to(carry(flow.customer, mail, console, scanner))}


@pytest.fixture(scope="module")
def before() -> Flow:
    """Everybody is protected, and all is as it should be."""
    return set_up()


def edited(before: Flow, *some: dict[str, Any]) -> Flow:
    """The customer after some edits."""
    after = before.copy()
    for edit in some:
        for action, given in filled(before, edit["acts"]):
            after = make(after, action, given)
    return after


def test_all_is_well_where_everything_is_as_we_ask_for_it(before: Flow) -> None:
    assert outcomes(before) == set()


@pytest.mark.parametrize("edit", KNOWN, ids=lambda edit: edit["what"])
def test_what_one_edit_does_to_messages_is_what_the_model_tells(before: Flow, edit: dict[str, Any]) -> None:
    after = edited(before, edit)
    told, came = effects(before, after), outcomes(after)
    if Effect.UNKNOWN not in told and edit["what"] not in POSSIBLE:
        assert came == told
    assert came <= told or Effect.UNKNOWN in told


def test_of_many_edits_together_nothing_happens_that_was_not_told(before: Flow) -> None:
    random, unsure = Random(17), 0  # noqa: S311 - the same cases each time, and no secret
    for life in range(LIVES):
        some = random.sample(KNOWN, random.randint(2, AT_MOST))
        try:
            after = edited(before, *some)
        except ValueError:
            continue  # what one edit has removed another cannot edit
        told = effects(before, after)
        if Effect.UNKNOWN in told:
            unsure += 1
            continue
        missing = outcomes(after) - told
        assert not missing, (life, missing, told, json.dumps([one["what"] for one in some]))
    assert unsure < LIVES / 2
