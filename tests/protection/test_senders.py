# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Who a message is from, as mail programs show it, and names that are nearly those of the tenant's people."""

import base64
import unicodedata

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.headers import decoded, people
from shared.protection.inspection.impersonation import known, likeness
from shared.protection.inspection.inspect import judge
from tests.harness.mail import TENANT, found, mail

UMLAUTS = known(
    receiver="mx.receiver.example",
    domains=["orchard.example"],
    people=[
        ("Jürgen Groß", ["juergen@orchard.example"]),
        ("Søren Ånæs", ["s@orchard.example"]),
        ("Maria José Peña", ["m@orchard.example"]),
        ("Müller-Lüdenscheidt, Änne", ["a@orchard.example"]),
    ],
)


class TestSentForOthers:
    """Outlook shows "evil on behalf of good", Gmail "good via evil": both are the message's senders."""

    @pytest.mark.parametrize("sender", ["x@evil.example", "Parcel Service <x@mail.evil.example>"])
    def test_who_has_sent_it_for_somebody_is_a_sender(self, sender: str) -> None:
        message = mail(From="office@good.example", Sender=sender)
        assert found(message, senders=["evil.example"]) == {"senders"}
        assert found(message, senders=["good.example"]) == {"senders"}
        assert found(message, senders=["other.example"]) == set()

    def test_its_name_may_be_that_of_one_of_the_tenants_people(self) -> None:
        message = mail(From="office@good.example", Sender="Jürgen Groß <x@evil.example>")
        result = judge(message, Conditions(impersonation=True), UMLAUTS)
        assert [(one.kind, one.where) for one in result] == [("impersonation", "header Sender")]

    def test_one_of_the_tenants_own_is_no_pretender(self) -> None:
        message = mail(From="office@good.example", Sender="Jürgen Groß <juergen@orchard.example>")
        assert judge(message, Conditions(impersonation=True), UMLAUTS) == ()


class TestAddresses:
    @pytest.mark.parametrize(
        "sender",
        [
            "office@good.example <x@evil.example>",
            '"office@good.example" <x@evil.example>',
            "[Parcel] Service <x@evil.example>",
            "[Parcel] [US] Service <x@evil.example>",
            "Service [x] <x@evil.example>",
            "Team Hello,(<x@evil.example>)",
            "Team Hello (<x@evil.example>)",
            "(<x@evil.example>)",
            "parcel.example  [US] <x@evil.example >",
            "Parcel < x@evil.example>",
            "Parcel <x @ evil.example>",
            "Parcel <x@evil.example.>",
            "Parcel <X@EVIL.Example>",
            "Parcel <<x@evil.example>>",
            "Parcel <x@evil.example",
            "<x@evil.example> Parcel",
            "Parcel x@evil.example",
            "Parcel: <x@evil.example>",
            "Parcel: x@evil.example;",
            "a@good.example, x@evil.example",
            "a@good.example; x@evil.example",
            "Jane <a@good.example> <x@evil.example>",
            "<a@good.example><x@evil.example>",
            "<@good.example:x@evil.example>",
            "x(comment)@evil.example",
            "x@(comment)evil.example",
            "x@evil.example (Parcel (US))",
            "x@evil.example(",
            '"Parcel, Inc." <x@evil.example>',
            "Parcel, Inc. <x@evil.example>",
            '"Parcel <x@evil.example>',
            '"a\\"b" <x@evil.example>',
            '"odd name"@evil.example',
            "=?utf-8?q?Parcel_=3Cx=40evil.example=3E?=",
            "=?utf-8?q?Parcel,_Inc.?= <x@evil.example>",
            "=?utf-8?q?Parcel_(US)?= <x@evil.example>",
            "Parcel\t<x@evil.example>",
            "Parcel <x@\x00evil.example>",
            "\u200bParcel <x@evil.example>",
        ],
    )
    def test_the_address_is_what_a_mail_program_answers_to(self, sender: str) -> None:
        assert found(mail(From=sender), senders=["evil.example"]) == {"senders"}
        assert found([("From", sender)], senders=["evil.example"]) == {"senders"}

    @pytest.mark.parametrize(
        "sender",
        [
            '"x@evil.example" <a@good.example>',
            "x@evil.example <a@good.example>",
            "=?utf-8?q?x=40evil.example?= <a@good.example>",
            '"x\\" <x@evil.example>" <a@good.example>',
            "Name (x@evil.example) <a@good.example>",
            "x <a@evil.example.good.example>",
        ],
    )
    def test_an_address_in_a_name_is_a_name(self, sender: str) -> None:
        assert found(mail(From=sender), senders=["evil.example"]) == set()

    def test_names_and_addresses(self) -> None:
        assert people("x@evil.example (Jane Doe)") == [("Jane Doe", "x@evil.example")]
        assert people("Doe, Jane <x@evil.example>") == [("Doe, Jane", "x@evil.example")]
        assert people("friends: a@c.example, x@b.example;") == [("friends", "a@c.example"), ("", "x@b.example")]
        assert people("Jane Doe") == [("Jane Doe", "")]
        assert people("") == [("", "")]


class TestEncodedWords:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("=?utf-8?B?SsM=?= =?utf-8?B?vHJnZW4=?=", "Jürgen"),
            ("=?utf-8?q?J=C3?=\r\n =?utf-8?q?=BCrgen?=", "Jürgen"),
            ("=?utf-8?q?J=C3?==?utf-8?b?vHJnZW4?=", "Jürgen"),
            ("=?iso-8859-1?q?J=FCr?= =?utf-8?q?gen?=", "Jürgen"),
            ("=?utf-8*de?q?J=C3=BCrgen?=", "Jürgen"),
            ("=?UTF-8?Q?J=c3=bcrgen?=", "Jürgen"),
            ("=?utf-8?q?Jane Doe?=", "Jane Doe"),
            ("=?utf-8?q?Really??=", "Really?"),
            ("x=?utf-8?q?a?=y", "xay"),
            ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
            ("=?windows-1251?b?yOLg7Q==?=", "Иван"),
            ("=?gb2312?b?6UY=?=", "镕"),
            ("=?no-such?q?J=C3=BCrgen?=", "Jürgen"),
            ("=?utf-8?b?SmFuZSBEb2U?=", "Jane Doe"),
            ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
            ("=?utf-8?q?", "=?utf-8?q?"),
        ],
    )
    def test_are_put_together(self, text: str, shown: str) -> None:
        assert decoded(text.replace("\r\n", "")) == shown
        assert found(mail(Subject=text), subjects=[shown]) == {"subjects"}

    def test_a_name_split_inside_a_letter_is_one_name(self) -> None:
        raw = "Jürgen Groß".encode()
        for at in range(1, len(raw)):
            one, other = (base64.b64encode(half).decode() for half in (raw[:at], raw[at:]))
            sender = f"=?utf-8?B?{one}?= =?utf-8?B?{other}?= <x@evil.example>"
            (finding,) = judge(mail(From=sender), Conditions(impersonation=True), UMLAUTS)
            assert finding.kind == "impersonation"


class TestNearNames:
    @pytest.mark.parametrize(
        "name",
        [
            "Juergen Gross",
            "Jurgen Gross",
            "JÜRGEN GROSS",
            "Gross, Juergen",
            "Jürgen Groß",
            "Dr. Jürgen Groß",
            "Prof. Dr. Jürgen Groß",
            "Herr Jürgen Groß",
            "Jürgen Groß, MBA",
            "Jürgen K. Groß",
            "J. Groß",
            "Groß, J.",
            "Jürgen Groß | Orchard",
            "Jürgen Groß - Orchard",
            "Jürgen Groß via Documents",
            "Jürgen Groß (CEO)",
            "Jürgen Groß, CEO",
            "Chief Executive Officer Jürgen Groß",
            "Soren Anaes",
            "Søren Ånæs",
            "Soeren Anaes",
            "Maria Jose Pena",
            "Maria José P. Peña",
            "Aenne Mueller-Luedenscheidt",
            "Anne Muller Ludenscheidt",
            unicodedata.normalize("NFD", "Jürgen Groß"),
            "Jürgen_Groß",
            "Jürgen.Groß",
            "{Jürgen} Jürgen Groß",
        ],
    )
    def test_spelling_order_titles_and_initials(self, name: str) -> None:
        quoted = f'"{name}" <x@evil.example>'
        (finding, *_) = judge(mail(From=quoted), Conditions(impersonation=True), UMLAUTS)
        assert finding.why.startswith("The name is that of a user of the directory")
        assert finding.where == "header From"
        assert "with the directory's names" in finding.compared

    @pytest.mark.parametrize(
        "name",
        [
            "Jаne Dоe",
            "Jane Doе",
            "Јane Doe",
            "Jane Dοe",
            "JANE DОE",
            "ЈАΝЕ DОЕ",
            "Jane D0e",
            "J@ne Doe",
            "Jane Döe",
            "𝐉𝐚𝐧𝐞 𝐃𝐨𝐞",
            "Ｊａｎｅ Ｄｏｅ",
            "ꓙane Doe",
            "Ⓙane Ⓓoe",
            "J\u0430\u0301ne Doe",
            "\u202eeoD enaJ",
            "J\u00adane Doe",
            "Ja\u2060ne\u200b Doe",
            "\u3164Jane Doe",
            "Jane\u00a0Doe",
            "Jane\u2003Doe",
        ],
    )
    def test_letters_that_look_alike_or_cannot_be_seen(self, name: str) -> None:
        assert found(mail(From=f'"{name}" <x@evil.example>'), impersonation=True) == {"impersonation"}

    @pytest.mark.parametrize("flood", ["\u200b", "\u200d", "\u2060", "\u00ad", "\ufe0f", "\U000e0020"])
    def test_a_flood_of_what_cannot_be_seen(self, flood: str) -> None:
        assert found(mail(From=f'"{flood * 250}Jane Doe" <x@evil.example>'), impersonation=True) == {"impersonation"}
        assert "incomplete" in found(mail(From=f'"{flood * 2500}Jane Doe" <x@evil.example>'), impersonation=True)

    @pytest.mark.parametrize(
        "sender",
        [
            "jane@contoso.com <x@evil.example>",
            "Jane (jane@contoso.com) <x@evil.example>",
            "x@evil.example (jane@contoso.com)",
            "Jane Doe:<x@evil.example>",
            "x@evil.example (=?utf-8?q?Jane_Doe?=)",
            "Doe, Jane <x@evil.example>",
            "[External] Jane Doe <x@evil.example>",
            "Jane Doe <jane@contoso.com> <x@evil.example>",
        ],
    )
    def test_wherever_the_name_stands(self, sender: str) -> None:
        assert found(mail(From=sender), impersonation=True) == {"impersonation"}

    @pytest.mark.parametrize(
        "name",
        [
            "Jane Dole",
            "Janet Doe",
            "K. Doe",
            "Jane",
            "Doe",
            "J. D.",
            "Dr. Doe",
            "John Doe",
            "Jane Doering",
            "Support Team",
        ],
    )
    def test_other_names_are_other_people(self, name: str) -> None:
        assert found(mail(From=f'"{name}" <x@evil.example>'), impersonation=True) == set()

    def test_likeness_is_the_same_for_what_looks_the_same(self) -> None:
        assert likeness("Ivan Petrov") != likeness("Jane Doe")
        assert likeness("Änne Müller") == likeness("Aenne Mueller") == likeness("Anne Muller")
        assert likeness("Dr.") == "dr" or not likeness("Dr.")
        assert TENANT.people
