"""Links and files in calendars, PDFs and messages within messages."""

import base64

import pytest

from shared.protection.inspection import pdf
from shared.protection.inspection.budget import Budget
from tests.harness.mail import found, head, mail, mixed, page, part
from tests.harness.office import compound, document

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
INVITE = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20250602T100000Z\r\n"
    "SUMMARY:Call\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
LINES = [
    "DESCRIPTION:Join at https://evil.example/in",
    "DESCRIPTION:Please join:\\nhttps://evil.example/in\\nThanks",
    "DESCRIPTION:Please join:\\Nhttps://evil.example/in\\, thanks",
    "DESCRIPTION:Please join at https://ev\r\n il.example/in",
    "DESCRIPTION:Please join at htt\r\n\tps://evil.exa\r\n mple/in",
    "URL:https://evil.example/in",
    "LOCATION:https://evil.example/in",
    "ATTACH;FMTTYPE=text/html:https://evil.example/in",
    'X-ALT-DESC;FMTTYPE=text/html:<html><body><a href="https://evil.example/in">Join</a></body></html>',
    'X-ALT-DESC;FMTTYPE=text/html:<a href="https://evil.exa\r\n mple/in">Join</a>',
    "CONFERENCE;VALUE=URI:https://evil.example/in",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("text/calendar; charset=utf-8; method=REQUEST", ""),
        ("application/ics", "invite.ics"),
        ("application/octet-stream", "invite.ics"),
        ("application/octet-stream", "invite"),
        ("text/plain", "a.vcs"),
    ],
)
def test_a_link_in_a_calendar(line: str, kind: str, name: str) -> None:
    invite = INVITE.format(line)
    assert found(mixed(part(invite.encode(), name, kind)), links=["evil.example"]) == {"links"}
    assert found(mixed(part(invite.encode(), name, kind)), links=["other.example"]) == set()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/calendar+xml", "<icalendar><url><uri>https://evil.example/in</uri></url></icalendar>"),
        ("application/calendar+json", '["vcalendar",[["url",{},"uri","https://evil.example/in"]]]'),
    ],
)
def test_a_link_in_a_calendar_of_another_form(kind: str, content: str) -> None:
    assert found(mail(content, kind=kind), links=["evil.example"]) == {"links"}


PAGES = ("<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R/Annots[4 0 R]>>")
LEADING = document(
    "<</Type/Catalog/Pages 2 0 R>>", *PAGES, "<</Type/Annot/Subtype/Link/A<</S/URI/URI(https://evil.example/)>> >>"
)
OPENING = document(
    "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/URI/URI(https://evil.example/)>> >>", *PAGES, "<</Type/Annot>>"
)
NEXT = document(
    "<</Type/Catalog/Pages 2 0 R>>",
    *PAGES,
    "<</A<</S/GoTo/Next<</S/URI/URI<68747470733a2f2f6576696c2e6578616d706c652f>>> >> >>",
)
RUNNING = [
    document("<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(x)>> >>", *PAGES, "<</Type/Annot>>"),
    document("<</Type/Catalog/Pages 2 0 R/Names<</JavaScript<</Names[]>> >> >>", *PAGES, "<</Type/Annot>>"),
    document("<</Type/Catalog/Pages 2 0 R/AA<</WC<</S/JavaScript/JS(x)>> >> >>", *PAGES, "<</Type/Annot>>"),
    document("<</Type/Catalog/Pages 2 0 R>>", *PAGES, "<</Type/Annot/AA<</U<</S/Launch/F(a.exe)>> >> >>"),
]
HOLDING = document(
    "<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.exe) 5 0 R]>> >> >>",
    *PAGES,
    "<</Type/Annot>>",
    "<</Type/Filespec/F(a.exe)/EF<</F 6 0 R>> >>",
    "<</Length 8>>stream\nMZ\x90\0\x03\0\0\0\nendstream",
)
LOCKED = document(
    "<</Filter/Standard/V 4/R 4/O(x)/U(x)/P -44>>", "<</Type/Catalog>>", trailer="/Root 2 0 R/Encrypt 1 0 R/ID[(a)(a)]"
)


class TestDocuments:
    @pytest.mark.parametrize("content", [LEADING, OPENING, NEXT, b"some lines before\n" + LEADING])
    @pytest.mark.parametrize(("kind", "name"), [("application/pdf", "a.pdf"), ("application/octet-stream", "a")])
    def test_links(self, content: bytes, kind: str, name: str) -> None:
        assert found(mixed(part(content, name, kind)), links=["evil.example"]) >= {"links"}

    @pytest.mark.parametrize("content", RUNNING)
    def test_programs(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), attachments=["script"]) == {"attachments"}
        assert found(mixed(part(content, "a.pdf")), attachments=["disguised"]) == set()
        assert found(mixed(part(content, "a.jpg")), attachments=["disguised"]) == {"attachments"}

    def test_files(self) -> None:
        assert found(mixed(part(HOLDING, "a.pdf")), attachments=["executable"]) == {"attachments"}
        assert found(mixed(part(HOLDING, "a.pdf")), attachments=["disguised"]) == set()

    def test_a_locked_one_is_said_to_be(self) -> None:
        assert found(mixed(part(LOCKED, "a.pdf")), attachments=["encrypted-document"]) == {"attachments", "incomplete"}
        without_table = LOCKED[: LOCKED.index(b"startxref")]
        assert "attachments" in found(mixed(part(without_table, "a.pdf")), attachments=["encrypted-document"])

    def test_a_broken_one_is_judged_by_what_stands_in_it(self) -> None:
        broken = LEADING.replace(b"startxref", b"startxxxx").replace(b"xref", b"xxxx")
        assert found(mixed(part(broken, "a.pdf")), links=["evil.example"]) >= {"links"}

    def test_an_ordinary_one_is_nothing(self) -> None:
        plain = document("<</Type/Catalog/Pages 2 0 R>>", *PAGES, "<</Type/Annot>>")
        every = ["script", "encrypted-document", "disguised", "executable", "archive"]
        assert found(mixed(part(plain, "a.pdf")), attachments=every, links=["evil.example"]) == set()

    def test_a_budget_interrupts_the_reader(self) -> None:
        kids = " ".join(f"{number} 0 R" for number in range(3, 3000))
        many = document(
            "<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count 2997/Kids[{kids}]>>", *["<</Type/Page>>"] * 2997
        )
        assert pdf.read(many, Budget(0.001)).missed


INNER = mixed(part(PROGRAM, "a.exe"), head({"Content-Type": "text/html"}) + b'<a href="https://evil.example/">x</a>')


class TestMessages:
    @pytest.mark.parametrize(
        "message",
        [
            mixed(b"Content-Type: message/rfc822\r\n\r\n" + INNER),
            mixed(part(INNER, "forwarded.eml")),
            mixed(part(INNER, "forwarded.EML ", "text/plain")),
            mixed(part(INNER, "", "application/octet-stream")),
            mixed(part(INNER, "forwarded", "application/octet-stream")),
            mixed(part(INNER, "x.eml", "message/rfc822")),
            mixed(part(mixed(part(mixed(part(INNER, "a.eml")), "b.eml")), "c.eml")),
            mixed(part(INNER, "page.mht", "multipart/related")),
            mail(base64.b64encode(INNER), kind="message/rfc822", Content_Transfer_Encoding="base64"),
            mixed(b"Content-Type: message/global\r\n\r\n" + INNER),
        ],
    )
    def test_are_looked_into(self, message: bytes) -> None:
        assert "attachments" in found(message, attachments=["executable"])
        assert "links" in found(message, links=["evil.example"])

    def test_too_deep_is_said(self) -> None:
        message = INNER
        for _ in range(9):
            message = mixed(part(message, "a.eml"))
        assert "incomplete" in found(message, attachments=["executable"])

    def test_a_saved_message_of_outlook(self) -> None:
        saved = compound(
            {
                "__properties_version1.0": b"",
                "__substg1.0_1000001F": "Pay the invoice at https://evil.example/ ".encode("utf-16-le"),
                "__substg1.0_10130102": b'<p>in<b>vo</b>ice <a href="https://bad.example/">x</a></p>',
            }
        )
        message = mixed(part(saved, "a.msg"))
        assert found(message, links=["evil.example"]) == {"links"}
        assert found(message, links=["bad.example"]) == {"links"}
        assert found(message, words=["invoice"]) == {"words"}

    def test_a_text_about_headers_is_a_text(self) -> None:
        assert found(mail("From: a\r\nSubject: b\r\n\r\nhello"), attachments=["executable"]) == set()
        assert found(page("<p>hello"), attachments=["html"]) == set()
