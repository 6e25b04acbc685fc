"""Links and words of a message, and the tricks by which messages try to look like others."""

from typing import Any

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.inspect import judge
from shared.protection.inspection.links import host_of
from tests.harness.mail import TENANT, found, mail, mixed, part


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


class Breaking(bytes):
    """A message at which a reader fails, once: no message is known that one does."""

    failed = False

    def removeprefix(self, prefix: Any, /) -> bytes:
        """What a reader calls first."""
        if not self.failed:
            self.failed = True
            raise ValueError("invoice")
        return super().removeprefix(prefix)


class TestUnreadable:
    """What nobody can vouch for is said, and never taken for harmless."""

    def test_where_a_reader_fails_the_headers_are_judged_and_the_rest_is_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        conditions = Conditions(senders=["b.example"], words=["invoice"])
        result = judge(Breaking(mail("invoice", From="a@b.example")), conditions, TENANT)
        assert [one.kind for one in result] == ["senders", "incomplete"]
        assert "invoice" not in caplog.text

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


class TestFindings:
    def test_each_says_its_condition_where_and_what_was_compared_and_quotes_nothing(self) -> None:
        """Every kind but the scanner's, which is another service's opinion."""
        conditions = Conditions(
            senders=["evil.example"],
            subjects=["secret"],
            authentication=["unauthenticated"],
            impersonation=True,
            links=["evil.example"],
            misleading_links=True,
            attachments=["executable"],
            words=["secret"],
            expressions=["secret.word"],
        )
        content = b'<a href="https://evil.example/secret">www.good.example/secret</a> secret word'
        body = b"Content-Type: text/html\r\n\r\n" + content
        message = mixed(body, part(b"MZ\x90\0" + b"\0" * 99, "secret.exe")).replace(b"Subject: ", b"Subject: secret ")
        message = message.replace(b"From: A <a@b.example>", b'From: "Jane Doe" <secret@evil.example>')
        findings = judge(message, conditions, TENANT)
        assert {one.kind for one in findings} == conditions.kinds
        for one in findings:
            assert one.why, one.kind
            assert one.where, one.kind
            assert one.compared, one.kind
            assert "secret" not in f"{one.why} {one.where} {one.compared}"
