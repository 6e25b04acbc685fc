"""Text that strangers write: in names, in files for spreadsheets, in notifications, and what browsers are told."""

import base64
import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.flows.edit import Edit
from shared.flows.grant import NewConnection
from shared.foundation.csv_file import as_csv
from tests.harness.client import ask
from tests.harness.workspace import connect as connect_google
from tests.harness.workspace import deliver, deliver_all, mail, pushes
from tests.harness.world import ORCHARD, World

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
NEW = {"platform": "microsoft365", "site": "eu", "tenant": "a.example"}
UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u2060\u2063\u2800\u3164\ufeff\uffa0"
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def begins_a_formula(cell: str) -> bool:
    """Whether a spreadsheet may take a cell for more than text."""
    return cell.lstrip()[:1] in tuple(SIGNS)


def formulas(text: str) -> list[str]:
    """The cells below the first line that are formulas to a spreadsheet, whatever it parts cells at."""
    body = text.partition("\r\n")[2]
    cells = [c for sign in ",;\t" for row in csv.reader(io.StringIO(body, newline=""), delimiter=sign) for c in row]
    return [cell for cell in cells if cell and begins_a_formula(cell)]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        " =1+1",
        "\n=1+1",
        "\uff1d1+1",
        "\uff0b1",
        'x;=HYPERLINK("http://evil.example")',
        "x; \u3000@SUM(1)",
        "a\t=1+1",
        "a\r\n-1",
        '";=1',
        "x;;=1",
        "\t",
        "\u200b=1",
    ],
)
def test_no_text_becomes_a_formula(text: str) -> None:
    assert formulas(as_csv([{"a": "1", "what": text, "n": 3, "nested": {"x": text}}])) == []


@given(st.lists(st.text(alphabet=st.sampled_from("ab1 ;,\t\r\n\"'" + SIGNS)), min_size=2, max_size=2))
def test_no_text_at_all_becomes_a_formula(texts: list[str]) -> None:
    assert formulas(as_csv([{"one": texts[0], "two": texts[1]}])) == []


def test_what_is_harmless_stays_as_it_is() -> None:
    row = {"number": -3, "share": -0.5, "none": None, "address": "anna@contoso.com", "text": "a - b; c = d"}
    assert as_csv([row]).splitlines()[1] == "-3,-0.5,,anna@contoso.com,a - b; c = d"


@pytest.mark.parametrize("character", [*TURNING, "\u0085", "\x9b", "\x1b", "\x7f", "\u2028", "\u2029", "\n"])
@pytest.mark.parametrize("field", ["name", "customer"])
async def test_a_name_shows_as_it_is_written(world: World, field: str, character: str) -> None:
    body = {**NEW, "name": "x", field: f"safe{character}gnp.exe"}
    told = await ask(world, "POST", "/api/connections", token=world.sims.operator_token(), body=body)
    assert told.status == 400
    assert field in json.loads(told.body)["detail"]


@pytest.mark.parametrize("name", [*(f"Cont{one}oso" for one in UNSEEN), " ", "\u00a0\u3000"])
def test_a_name_is_seen_as_it_is(name: str) -> None:
    for model, more in ((NewConnection, NEW), (Edit, {})):
        with pytest.raises(ValidationError, match="name"):
            model.model_validate({**more, "name": name})


@pytest.mark.parametrize("name", ["Müller & Söhne", "株式会社", "\u0646\u06cc\u200c\u0627\u0645", "👩\u200d🔧 Ltd"])
async def test_a_name_of_any_language_is_taken(world: World, name: str) -> None:
    assert not any(unicodedata.category(character) == "Cc" for character in name)
    body = {**NEW, "name": name}
    assert (await ask(world, "POST", "/api/connections", token=world.sims.operator_token(), body=body)).status == 201


@pytest.mark.parametrize("body", ['{"accept_loss": false, "accept_loss": true}', '{"x": {"a": 1, "\\u0061": 2}}'])
async def test_a_body_says_each_thing_once(world: World, body: str) -> None:
    connection = await world.create()
    path, token = f"/api/connections/{connection.id}/sync", world.sims.operator_token(role="admin")
    told = await ask(world, "POST", path, token=token, content=body.encode(), content_type="application/json")
    assert (told.status, json.loads(told.body)["code"]) == (400, "not_valid")


async def test_a_notification_that_means_nothing_is_refused(world: World) -> None:
    await connect_google(world, domain=ORCHARD)
    await deliver_all(world)
    mail(world, "admin@orchard.example")
    push = pushes(world)[0]
    for content in (
        {"historyId": 10**30},
        {"historyId": "9" * 5000},
        {"historyId": 2**63},
        {"historyId": -1},
        {"emailAddress": "\ud800@orchard.example"},
        {"emailAddress": "admin\0@orchard.example"},
        {"emailAddress": 5},
    ):
        whole = {"emailAddress": "admin@orchard.example", "historyId": 1, **content}
        data = base64.b64encode(json.dumps(whole).encode()).decode()
        told = await deliver(world, {**push, "body": json.dumps({"message": {"data": data}})})
        assert (told.status, json.loads(told.body)["code"]) == (400, "not_valid"), content
    assert (await deliver(world, push)).status == 204


async def test_browsers_that_come_by_https_keep_to_it(world: World) -> None:
    name = "Strict-Transport-Security"
    assert name not in (await ask(world, "GET", "/api/health")).headers
    secure = await world.again(public_url="https://footprint.example")
    for path in ("/api/health", "/nowhere", "/api/connections", "/style.css"):
        assert "max-age=" in (await ask(secure, "GET", path)).headers[name]


async def test_reports_go_to_the_tenant_and_to_the_operator_only(world: World) -> None:
    smtp = {"host": "127.0.0.1", "sender": "reports@example.com", "recipient_domains": ["MSP.example"]}
    connection = await world.connect()
    other = await world.again(smtp=smtp)
    path, token = f"/api/connections/{connection.id}/reports/settings", world.sims.operator_token()
    for address in ("anna@evil.example", "anna@contoso.com.evil.example", "anna@not-contoso.com"):
        refused = await ask(other, "PUT", path, token=token, body={"recipients": [address]}, if_match="*")
        assert (refused.status, json.loads(refused.body)["code"]) == (400, "recipient_elsewhere"), address
    for address in ("anna%evil.example@contoso.com", "evil.example!anna@contoso.com", "anna@contoso.com\nBcc: a@b.c"):
        refused = await ask(other, "PUT", path, token=token, body={"recipients": [address]}, if_match="*")
        assert (refused.status, json.loads(refused.body)["code"]) == (400, "not_valid"), address
    good = {"kinds": ["weekly"], "recipients": ["anna@Contoso.com", "olga@msp.example"]}
    assert (await ask(other, "PUT", path, token=token, body=good, if_match="*")).status == 200
