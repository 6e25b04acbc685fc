"""What a message is inspected for, and the tricks by which messages try to look like others."""

import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from shared.protection.inspection.conditions import Conditions, Finding
from shared.protection.inspection.impersonation import likeness
from shared.protection.inspection.inspect import inspect, judge
from shared.protection.inspection.links import host_of
from tests.harness.mail import GOOD, RECEIVER, TENANT, mail, mixed, part


def found(message: Any, **conditions: Any) -> set[str]:
    """The kinds of what is found."""
    return {one.kind for one in judge(message, Conditions(**conditions), TENANT)}


class TestSetting:
    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("senders", ["two words@b.example"], "neither an address nor a domain"),
            ("senders", ["a@b..example"], "not a domain"),
            ("links", ["http://evil.example/"], "not a domain"),
            ("links", ["x" * 254], "at most 253"),
            ("subjects", ["  "], "is empty"),
            ("words", ["!?"], "holds no word"),
            ("authentication", ["spf"], "spf-fail"),
            ("attachments", ["exe"], "executable"),
            ("expressions", ["("], "missing )"),
            ("expressions", ["a*"], "matches an empty text"),
            ("expressions", ["(?R)"], "not possible in linear time"),
            ("expressions", ["a(?=b)"], "not possible in linear time"),
            ("expressions", [r"(a)\1"], "not possible in linear time"),
            ("expressions", ["a{3000000}"], "none above 1000"),
            ("expressions", ["((a{500}){500}){500}"], "none above 1000"),
            ("expressions", [r"\p{L}{500}"], "fewer or shorter repetitions"),
            ("expressions", ["a" * 501], "at most 500"),
            ("expressions", ["(" * 5000], "at most 500"),
            ("words", ["word"] * 501, "at most 500"),
            ("surprise", True, "not permitted"),
        ],
    )
    def test_a_bad_value_is_refused_with_its_field(self, field: str, value: Any, why: str) -> None:
        with pytest.raises(ValidationError) as refused:
            Conditions(**{field: value})
        error = refused.value.errors()[0]
        assert error["loc"][0] == field
        assert why in error["msg"]

    def test_every_list_is_bounded(self) -> None:
        for name, field in Conditions.model_json_schema()["properties"].items():
            if field.get("type") == "array":
                assert field["maxItems"] <= 1000, name

    def test_what_is_named_says_what_is_needed(self) -> None:
        assert not Conditions(senders=["b.example"], impersonation=True, authentication=["spf-fail"]).needs_content
        for kind in ({"words": ["x"]}, {"scanner": True}, {"misleading_links": True}, {"attachments": ["html"]}):
            assert Conditions(**kind).needs_content
        assert Conditions().kinds == frozenset()
        assert judge(mail(), Conditions(), TENANT) == ()
        assert judge(mail(), Conditions(match="all"), TENANT) == ()


class TestMatching:
    def test_any_of_the_kinds_or_all_of_them(self) -> None:
        two = {"senders": ["b.example"], "words": ["invoice"]}
        assert found(mail("hello"), **two) == {"senders"}
        assert found(mail("hello"), match="all", **two) == set()
        assert found(mail("Invoice"), match="all", **two) == {"senders", "words"}

    def test_headers_alone_are_enough_unless_content_is_asked_for(self) -> None:
        headers = [("From", "=?utf-8?q?J=C3=A4ne?= <a@sub.b.example>"), ("Subject", "Your Invoice")]
        assert found(headers, senders=["b.example"], subjects=["invoice"]) == {"senders", "subjects"}
        assert found(headers, words=["invoice"]) == {"words", "incomplete"}
        assert found(headers, attachments=["html"]) == {"incomplete"}

    async def test_the_scanner_is_asked_only_where_it_can_change_anything(self) -> None:
        asked: list[int] = []
        risky = Finding(kind="scanner", why="risky")
        silent = Finding(kind="incomplete", why="silent")

        async def kinds(answer: Finding | None, **conditions: Any) -> set[str]:
            async def ask() -> Finding | None:
                asked.append(1)
                return answer

            asked.clear()
            result = await inspect(mail(), Conditions(scanner=True, **conditions), TENANT, ask)
            return {one.kind for one in result}

        assert await kinds(risky) == {"scanner"}
        assert await kinds(risky, match="all") == {"scanner"}
        assert await kinds(None) == set()
        assert await kinds(risky, senders=["b.example"]) == {"senders"}
        assert not asked
        assert await kinds(risky, senders=["other.example"]) == {"scanner"}
        assert await kinds(None, senders=["b.example"], match="all") == set()
        assert await kinds(risky, senders=["b.example"], match="all") == {"senders", "scanner"}
        assert await kinds(silent, senders=["b.example"], match="all") == {"incomplete"}
        assert await kinds(risky, senders=["other.example"], match="all") == set()
        assert not asked


class TestSenders:
    @pytest.mark.parametrize(
        ("listed", "sender", "is_listed"),
        [
            ("b.example", "a@b.example", True),
            ("b.example", "a@x.B.example", True),
            ("b.example", "a@ab.example", False),
            ("a@b.example", "A <A@B.example>", True),
            ("a@b.example", "aa@b.example", False),
            ("@b.example", "a@b.example", True),
            (".zip", "a@b.zip", True),
            ("münchen.example", "a@xn--mnchen-3ya.example", True),
            ("xn--mnchen-3ya.example", "a@MÜNCHEN.example", True),
            ("b.example", "friends: a@c.example, x@b.example;", True),
            ("b.example", '"a@b.example" <a@c.example>', False),
            ("b.example", '"x\\" <a@b.example>" <a@c.example>', False),
            ("c.example", "=?utf-8?q?a=40b.example?= <a@c.example>", True),
            ("b.example", "a@b.example (a@c.example)", True),
            ("b.example", "=?utf-8?q?x=0Ay?= <a@b.example>", True),
        ],
    )
    def test_addresses_and_domains_with_all_below(self, listed: str, sender: str, is_listed: bool) -> None:  # noqa: FBT001
        assert found(mail(From=sender), senders=[listed]) == ({"senders"} if is_listed else set())

    def test_a_second_sender_does_not_hide_the_first(self) -> None:
        for order in (["a@c.example", "a@b.example"], ["a@b.example", "a@c.example"]):
            message = "".join(f"From: {one}\r\n" for one in order).encode() + mail(From="z@z.example")
            assert found(message, senders=["b.example"]) == {"senders"}

    def test_a_finding_names_what_the_policy_lists(self) -> None:
        (one,) = judge(mail(From="secret.name@x.b.example"), Conditions(senders=["b.example"]), TENANT)
        assert one.why == "The sender is one of those that are listed: b.example."


class TestAuthentication:
    ALL = ("spf-fail", "dkim-fail", "dmarc-fail", "unauthenticated")

    def failed(self, *results: str) -> set[str]:
        headers = [("From", "a@b.example"), *(("Authentication-Results", one) for one in results)]
        return {kind for kind in self.ALL if found(headers, authentication=[kind]) - {"incomplete"}}

    def test_each_way_to_fail(self) -> None:
        assert self.failed(GOOD) == set()
        assert self.failed() == {"unauthenticated"}
        assert self.failed(f"{RECEIVER}; spf=softfail; dkim=pass") == {"spf-fail"}
        assert self.failed(f"{RECEIVER}; dkim=fail; dkim=pass; spf=pass") == set()
        assert self.failed(f"{RECEIVER}; dkim=neutral (body hash did not verify); spf=none") == {
            "dkim-fail",
            "unauthenticated",
        }
        assert self.failed(f"{RECEIVER} 1; spf=pass; dmarc=FAIL (p=REJECT; sp=REJECT)") == {"dmarc-fail"}
        assert self.failed(f"{RECEIVER}; none") == {"unauthenticated"}

    def test_only_the_topmost_of_the_receiver_counts(self) -> None:
        bad = f"{RECEIVER}; spf=fail; dmarc=fail"
        assert self.failed(bad, GOOD) == {"spf-fail", "dmarc-fail", "unauthenticated"}
        assert self.failed(GOOD.replace(RECEIVER, "mx.other.example"), bad) == {
            "spf-fail",
            "dmarc-fail",
            "unauthenticated",
        }
        assert self.failed(GOOD.replace(RECEIVER, f"x.{RECEIVER}")) == {"unauthenticated"}
        assert self.failed(GOOD.replace(RECEIVER, "mx.other.example")) == {"unauthenticated"}

    def test_a_seal_of_an_earlier_hop_is_not_believed(self) -> None:
        sealed = mail(ARC_Authentication_Results=f"i=1; {GOOD}")
        assert found(sealed, authentication=["unauthenticated"]) == {"authentication"}

    @pytest.mark.parametrize(
        "trick",
        [
            f"{RECEIVER}; spf=fail (x; dmarc=pass; dkim=pass) smtp.mailfrom=a",
            f'{RECEIVER}; spf=fail smtp.mailfrom="x; dkim=pass; y"@b.example',
            f'{RECEIVER}; spf=fail smtp.mailfrom="x\\"; dkim=pass; y"@b.example',
            f'{RECEIVER}; spf=fail (it says "x) ; dkim=none (y" ) smtp.helo=x',
            f"{RECEIVER}; spf=fail smtp.mailfrom=dkim=pass",
            f"(; dkim=pass) {RECEIVER} (; dkim=pass); spf=fail",
            f'{RECEIVER}; spf=fail reason="(" smtp.helo=(\\);dkim=pass;)x',
        ],
    )
    def test_the_senders_words_in_the_receivers_header_do_not_speak(self, trick: str) -> None:
        assert self.failed(trick) >= {"spf-fail", "unauthenticated"}

    def test_a_broken_header_of_the_receiver_is_said_to_be(self) -> None:
        headers = [("Authentication-Results", f"{RECEIVER}; spf=fail (; dmarc=fail")]
        assert found(headers, authentication=["dmarc-fail"]) == {"incomplete"}
        assert found(headers, authentication=["unauthenticated"]) == {"incomplete", "authentication"}


class TestImpersonation:
    @pytest.mark.parametrize(
        "sender",
        [
            "Jane Doe <x@evil.example>",
            '"DOE, Jane" <x@evil.example>',
            "Jane  Doe (CEO) <x@evil.example>",
            '"Jane Doe (CEO)" <x@evil.example>',
            "Jane.Doe <x@evil.example>",
            "=?utf-8?q?Jan=C3=A9_Doe?= <x@evil.example>",
            "=?utf-8?b?SmFuZSBEb2U=?= <x@evil.example>",
            "=?utf-8?q?Ja?= =?utf-8?q?ne_Doe?= <x@evil.example>",
            "J\u0430ne D\u043ee <x@evil.example>",
            "Ja\u200bne Doe <x@evil.example>",
            "\uff2a\uff41\uff4e\uff45 Doe <x@evil.example>",
            "Jane D0e <x@evil.example>",
            "Jane Doe <jane@contoso.com.evil.example>",
            "Jane Doe",
            "Jane Doe <>",
            '"jane@contoso.com" <x@evil.example>',
            '"Jane (jane@contoso.com)" <x@evil.example>',
            "=?utf-8?q?jane=40contoso=2Ecom?= <x@evil.example>",
            "\u738b\u5c0f\u660e <x@evil.example>",
            "Paul IIIes <x@evil.example>",
            "=?utf-8?q?Jane_Doe=0A?= <x@evil.example>",
        ],
    )
    def test_a_name_of_the_directory_with_a_foreign_address(self, sender: str) -> None:
        assert found(mail(From=sender), impersonation=True) == {"impersonation"}
        assert found(mail(Reply_To=sender), impersonation=True) == {"impersonation"}

    @pytest.mark.parametrize(
        "sender",
        [
            "Jane Doe <jane@contoso.com>",
            "Jane Doe <Jane.Private@elsewhere.example>",
            "Jane Doe <jd@mail.contoso.com>",
            "Jane Roe <x@evil.example>",
            "Support <x@evil.example>",
            "Jane <x@evil.example>",
            '"jane@contoso.com via List" <list@contoso.com>',
            "Jane Doe <x@xn--mnchen-3ya.example>",
            "<x@evil.example>",
        ],
    )
    def test_everybody_else_may_write(self, sender: str) -> None:
        assert found(mail(From=sender), impersonation=True) == set()

    def test_a_finding_repeats_nothing_but_the_host(self) -> None:
        (one,) = judge(mail(From="Jane Doe <secret@evil.example>"), Conditions(impersonation=True), TENANT)
        assert (
            one.why == "The name is that of a user of the directory, and the address, at evil.example, is not theirs."
        )

    def test_names_look_alike_in_any_order_and_alphabet(self) -> None:
        assert likeness("Doe, Jane") == likeness("JANE DOE") == likeness(unicodedata.normalize("NFD", "Jané Doé"))
        assert likeness("Jane Doe") != likeness("Jane Dole")
        assert likeness("Bernd Arn") == likeness("Bemd Am")


class TestLinks:
    @pytest.mark.parametrize(
        ("target", "host"),
        [
            ("https://Evil.example/x", "evil.example"),
            ("https://good.example@evil.example/", "evil.example"),
            ("https://good.example:x@evil.example:8443/", "evil.example"),
            ("https:\\\\evil.example\\x", "evil.example"),
            ("https:/evil.example", "evil.example"),
            ("//evil.example/", "evil.example"),
            ("\\\\evil.example", "evil.example"),
            ("ht\ntps://ev\til.example", "evil.example"),
            (" \x01https://evil.example", "evil.example"),
            ("https://evil%2Eexample", "evil.example"),
            ("https://evil\u3002example.", "evil.example"),
            ("https://\uff45vil.example", "evil.example"),
            ("https://m\u00fcnchen.example", "xn--mnchen-3ya.example"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http:1.2.3.4", "1.2.3.4"),
            ("www.evil.example/x?y", "www.evil.example"),
            ("evil.example:8080/x", "evil.example"),
            ("https://ev\u00adil.example", "evil.example"),
            ("mailto:a@evil.example", None),
            ("javascript:alert(1)", None),
            ("/path", None),
            ("#evil.example", None),
            ("", None),
            ("https://", None),
            ("https://a b/", None),
        ],
    )
    def test_the_host_is_where_a_browser_goes(self, target: str, host: str | None) -> None:
        assert host_of(target) == host

    @pytest.mark.parametrize(
        "page",
        [
            '<a href="https://evil.example/x">x</a>',
            "<A HREF=https://x.evil.example>x",
            '<a href="&#104;ttps://evil&#46;example">x</a>',
            '<area href="//evil.example">',
            '<form action="https://evil.example">',
            '<button formaction="https://evil.example">',
            '<meta http-equiv=refresh content="0; URL=https://evil.example">',
            '<iframe src="https://evil.example">',
            '<base href="https://evil.example/"><a href=x>x</a>',
            "see https://evil.example/x.",
            "see evil.example for more",
            '<a title=">" href="https://good.example@evil.example">x</a>',
        ],
    )
    def test_every_way_to_lead_somewhere(self, page: str) -> None:
        assert found(mail(page, kind="text/html"), links=["evil.example"]) == {"links"}
        assert found(mail(page, kind="text/html"), links=["vil.example"]) == set()

    def test_plain_texts_have_links_too(self) -> None:
        assert found(mail("see https://evil.example/x or\r\n"), links=["evil.example"]) == {"links"}
        assert found(mail("write to a@evil.example, not evil.example.org"), links=["evil.example"]) == set()

    @pytest.mark.parametrize(
        ("target", "shown", "misleads"),
        [
            ("https://evil.example", "https://good.example/login", True),
            ("https://evil.example", "www.good.example", True),
            ("https://evil.example", "go<b>od</b>.example", True),
            ("https://evil.example", "Visit https://good.example now", True),
            ("https://good.example@evil.example", "click", True),
            ("https://evil.example", "g&#111;od.example/x", True),
            ("https://evil.example", "good\u200b.example", True),
            ("https://good.example.evil.example", "good.example", True),
            ("https://good.example/x", "good.example", False),
            ("https://www.good.example", "https://good.example", False),
            ("https://click.good.example", "good.example", False),
            ("https://evil.example", "click here", False),
            ("mailto:a@evil.example", "a@good.example", False),
            ("https://evil.example", "a@good.example", False),
            ("https://evil.example", "Version 2.0", False),
        ],
    )
    def test_links_that_show_another_place(self, target: str, shown: str, misleads: bool) -> None:  # noqa: FBT001
        page = mail(f'<p><a href="{target}">{shown}</a></p>', kind="text/html; charset=utf-8")
        assert found(page, misleading_links=True) == ({"misleading_links"} if misleads else set())


class TestWords:
    @pytest.mark.parametrize(
        ("text", "is_there"),
        [
            ("Your INVOICE is due", True),
            ("invoices", False),
            ("in<b>voi</b>ce", True),
            ("in<br>voice", False),
            ("in\u00advoice", True),
            ("\U0001d422\U0001d427\U0001d42f\U0001d428\U0001d422\U0001d41c\U0001d41e", True),
            ("<style>invoice</style>", False),
            ("<!-- invoice -->", False),
            ("in&#118;oice", True),
            ("wire\n  Transfer!", True),
            ("wire-transfer", True),
            ("wire the transfer", False),
            ("\u8acb\u4ed8\u6b3e\u8b1d\u8b1d", True),
            ("caf\u00e9", True),
            ("cafe\u0301", True),
        ],
    )
    def test_whole_words_as_people_see_them(self, text: str, is_there: bool) -> None:  # noqa: FBT001
        words = ["invoice", "Wire Transfer", "\u4ed8\u6b3e", "CAF\u00c9"]
        assert found(mail(text, kind="text/html; charset=utf-8"), words=words) == ({"words"} if is_there else set())

    def test_the_subject_is_part_of_it(self) -> None:
        assert found(mail(Subject="=?utf-8?q?in?= =?utf-8?q?voice?="), words=["invoice"]) == {"words"}
        assert found(mail(Subject="Re:  your\r\n  Invoice"), subjects=["YOUR invoice"]) == {"subjects"}

    def test_expressions_are_tried_for_a_limited_time(self) -> None:
        text = mail("a" * 5000 + "! 4111111111111111")
        assert found(text, expressions=[r"\b\d{16}\b"]) == {"expressions"}
        slow = mail("xyq" * 150_000)
        result = judge(slow, Conditions(expressions=[r"(?:.?){500}q[^q]{300}z"] * 10), TENANT)
        assert {one.kind for one in result} == {"incomplete"}
        assert found(mail("a" * 100_000 + "!"), expressions=[r"(a|aa)+$", r"(a+a+)+b"]) == set()

    def test_a_finding_repeats_no_word(self) -> None:
        (one,) = judge(mail("The secret"), Conditions(words=["x", "secret"]), TENANT)
        assert one.why == "The subject or the text holds the listed word 2."


class TestUnreadable:
    """What nobody can vouch for is said, and never taken for harmless."""

    @pytest.mark.parametrize(
        "message",
        [
            mail("x" * 41_000_000),
            mail("x " * 600_000),
            mixed(*[part(b"x")] * 1001),
            b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(60))
            + b"\r\nx",
            b"From: a@b.example\r\nnot a header\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nx",
            mail("--B\r\n\r\nx", kind="multipart/mixed"),
            mail("--C\r\n\r\nx\r\n--C--", kind="multipart/mixed; boundary=B"),
            mail("x", kind="application/pkcs7-mime; name=smime.p7m"),
            mail("x", kind="text/plain; x=" + "y" * 3000),
            mail("RnJvbTogYQ0K", kind="message/rfc822", Content_Transfer_Encoding="base64"),
            mail("\n" * 1_100_000),
            b"a:\n" * 2_000_000,
        ],
        ids=[
            "large",
            "text",
            "parts",
            "depth",
            "header",
            "border",
            "other border",
            "sealed",
            "long",
            "wrapped",
            "lines",
            "headers",
        ],
    )
    def test_is_incomplete(self, message: bytes) -> None:
        assert found(message, words=["never"], attachments=["executable"]) == {"incomplete"}

    @pytest.mark.parametrize("charset", ["utf-7", "no-such", "zip", "undefined", "punycode", "-idna.", "a\0b", "", "'"])
    def test_no_charset_hides_a_word(self, charset: str) -> None:
        assert found(mail("invoice", kind=f"text/plain; charset={charset}"), words=["invoice"]) == {"words"}

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("base64", "aW52b2ljZQ=="),
            ("BASE64 (x)", "aW52b2ljZQ"),
            ("base64", "aW4=\r\ndm9pY2U="),
            ("base64", "aW5!2b2 ljZQ==x"),
            ("quoted-printable", "in=76oi=\r\nce"),
            ("x-uuencode", "begin 644 x\r\n':6YV;VEC90``\r\n`\r\nend\r\n"),
            ("no-such", "invoice"),
        ],
    )
    def test_no_encoding_hides_a_word(self, encoding: str, body: str) -> None:
        assert "words" in found(mail(body, Content_Transfer_Encoding=encoding), words=["invoice", "in"])
