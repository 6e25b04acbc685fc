"""Rich texts, calendars, older forms and shortcuts: where they lead, and what is in them, however it is written."""

import base64
import gzip
import io
import struct
import tarfile

import pytest

from tests.harness.mail import found, mail, mixed, part, zipped
from tests.harness.office import compound, document

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
PAGES = ("<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>")
TEXT = "<</Length 28>>stream\nBT (overdue invoice) Tj ET\nendstream"
EVIL = "https://evil.example/"


def native(content: bytes, name: bytes = b"a.exe") -> bytes:
    """A file as an older Office document packs it."""
    size = struct.pack("<I", len(content))
    named = struct.pack("<IH", 0, 2) + name + b"\0" + name + b"\0"
    return named + struct.pack("<II", 0x30000, len(name) + 1) + name + b"\0" + size + content


def packed(content: bytes) -> bytes:
    """The same, as an object of a rich text holds it."""
    inner = native(content)[4:]
    return struct.pack("<3I", 0x501, 2, 8) + b"Package\0" + b"\0" * 8 + struct.pack("<I", len(inner)) + inner


def rich(data: bytes) -> bytes:
    return b"{\\rtf1{\\object\\objemb{\\*\\objdata " + data + b"}}}"


def calendar(line: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{line}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()


class TestRichTexts:
    @pytest.mark.parametrize(
        "data",
        [
            packed(PROGRAM).hex().encode(),
            packed(PROGRAM).hex().encode().replace(b"0105", b"{\\x1 ab}01{\\y}05", 1),
            compound({"\x01Ole10Native": native(PROGRAM)}).hex().encode(),
            b"\\bin%d " % len(packed(PROGRAM)) + packed(PROGRAM),
        ],
    )
    def test_an_object_is_found_however_it_is_written(self, data: bytes) -> None:
        assert found(mixed(part(rich(data), "a.rtf")), attachments=["executable"]) == {"attachments"}

    def test_what_is_in_too_many_pieces_is_said(self) -> None:
        pieces = b"{\\x}" * 60_000
        assert found(mixed(part(rich(pieces), "a.rtf")), attachments=["executable"]) == {"incomplete"}

    @pytest.mark.parametrize(
        "content",
        [
            b"{\\rtf1{\\*\\template https://evil.example/t.dotm}x}",
            b'{\\rtf1{\\field{\\*\\fldinst{HYPERLINK }{"https://evil.example/"}}}}',
            b'{\\rtf1{\\field{\\*\\fldinst HYPERLINK "https://evil\\\'2eexample/"}}}',
        ],
    )
    def test_where_it_leads(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.rtf")), links=["evil.example"]) == {"links"}


class TestCalendars:
    @pytest.mark.parametrize(
        "line",
        [
            "DESCRIPTION;ENCODING=QUOTED-PRINTABLE:https:=2F=2Fevil=2Eex=\r\nample=2F",
            'STYLED-DESCRIPTION;FMTTYPE=text/html:<a href="https:&#47;&#47;evil.example/">x</a>',
            f'CONFERENCE;VALUE=URI;FEATURE="AUDIO":{EVIL}',
        ],
    )
    def test_where_it_leads(self, line: str) -> None:
        assert found(mixed(part(calendar(line), "a.ics", "text/calendar")), links=["evil.example"]) == {"links"}

    def test_where_a_card_leads(self) -> None:
        card = b"BEGIN:VCARD\r\nURL;ENCODING=QUOTED-PRINTABLE:https:=2F=2Fevil=2Eexample\r\nEND:VCARD\r\n"
        assert found(mixed(part(card, "a.vcf", "text/x-vcard")), links=["evil.example"]) == {"links"}

    def test_a_file_in_it(self) -> None:
        line = f'ATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME="a.txt":{base64.b64encode(PROGRAM).decode()}'
        message = mixed(part(calendar(line), "a.ics", "text/calendar"))
        assert (
            found(message, attachments=["executable"]) == found(message, attachments=["disguised"]) == {"attachments"}
        )


class TestFilesWithin:
    """Where a page leads that a calendar, a PDF or a saved message holds as a file."""

    PAGE = b"<a href='https://evil.example/'>Open</a>"
    ENCODED = base64.b64encode(PAGE).decode()
    PACKED = base64.b64encode(zipped([("a.html", PAGE)])).decode()
    FILE = "<</Type/Filespec/F(a.html)/EF<</F 6 0 R>> >>"
    CATALOG = "<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.html) 5 0 R]>> >> >>"
    NAME = "__attach_version1.0_#00000000/__substg1.0_3707001F"
    DATA = "__attach_version1.0_#00000000/__substg1.0_37010102"

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.ics", calendar(f"ATTACH;FMTTYPE=text/html;ENCODING=BASE64;VALUE=BINARY:{ENCODED}")),
            ("a.ics", calendar(f"ATTACH;ENCODING=BASE64;X-FILENAME=a.zip:{PACKED[:40]}\r\n {PACKED[40:]}")),
            (
                "a.pdf",
                document(CATALOG, *PAGES, TEXT, FILE, f"<</Length {len(PAGE)}>>stream\n{PAGE.decode()}\nendstream"),
            ),
            ("a.msg", compound({NAME: "a.html".encode("utf-16-le"), DATA: PAGE})),
        ],
    )
    def test_is_found(self, name: str, content: bytes) -> None:
        message = mixed(part(content, name))
        assert found(message, links=["evil.example"]) == {"links"}
        assert found(message, words=["open"]) == set()


class TestDocuments:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            (
                "word/document.xml",
                b'<w:instrText>HYPER</w:instrText><w:instrText>LINK "https://evil.example/"</w:instrText>',
            ),
            ("word/document.xml", b'<w:fldSimple w:instr="HYPERLINK &quot;https://evil.example/&quot;"/>'),
            ("xl/worksheets/sheet1.xml", b'<f>HYPERLINK("https://evil.example/","Open")</f>'),
            (
                "word/_rels/document.xml.rels",
                '<Relationship Id="1" Target="https://evil.example/" TargetMode="External"/>'.encode("utf-16"),
            ),
        ],
    )
    def test_where_it_leads(self, name: str, content: bytes) -> None:
        assert found(mixed(part(zipped([(name, content)]), "a.docx")), links=["evil.example"]) == {"links"}

    def test_a_page_with_macros_by_the_name_of_an_older_document(self) -> None:
        macros = base64.encodebytes(b"ActiveMime\0\0" + b"x" * 60)
        inner = (
            b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=B\r\n\r\n--B\r\n"
            b'Content-Type: text/html\r\n\r\n<a href="https://evil.example/">x</a>\r\n--B\r\n'
            b"Content-Type: application/x-mso\r\nContent-Transfer-Encoding: base64\r\n\r\n" + macros + b"\r\n--B--\r\n"
        )
        message = mixed(part(inner, "a.doc", "application/msword"))
        assert found(message, attachments=["macro"]) == {"attachments"}
        assert found(message, links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        ("name", "member", "content", "kind"),
        [
            ("a.odt", "META-INF/manifest.xml", b"<manifest:encryption-data/>", "encrypted-document"),
            (
                "a.docx",
                "[Content_Types].xml",
                b'<Override ContentType="application/vnd.ms-office.vbaProject"/>',
                "macro",
            ),
            ("a.xlsx", "[Content_Types].xml", b"application/vnd.ms-excel.macrosheet+xml", "macro"),
        ],
    )
    def test_what_it_says_of_its_parts(self, name: str, member: str, content: bytes, kind: str) -> None:
        assert found(mixed(part(zipped([(member, content)]), name)), attachments=[kind]) == {"attachments"}

    def test_a_drawing_that_is_packed(self) -> None:
        drawing = gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg'><a href='https://evil.example/'/></svg>")
        assert found(mixed(part(drawing, "a.svgz", "image/svg+xml")), links=["evil.example"]) == {"links"}


class TestShortcuts:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.url", b"[InternetShortcut]\r\nURL=file://evil.example/share/a.exe\r\n"),
            ("a.url", b"[InternetShortcut]\r\nIconFile=\\\\evil.example\\share\\a.ico\r\n"),
            ("a.lnk", b"L\0\0\0\x01\x14\x02\0" + b"\0" * 80 + EVIL.encode("utf-16-le")),
            ("a.one", b"\xe4R\\{\x8c\xd8\xa7M\xae\xb1Sx\xd0)\x96\xd3" + b"\0" * 80 + EVIL.encode("utf-16-le")),
        ],
    )
    def test_where_it_leads(self, name: str, content: bytes) -> None:
        assert found(mixed(part(content, name)), links=["evil.example"]) == {"links"}
        assert found(mixed(part(zipped([(name, content)]), "a.zip")), links=["evil.example"]) == {"links"}


class TestOlderForms:
    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_a_long_name_in_a_tape(self, form: int) -> None:
        tape = io.BytesIO()
        with tarfile.open(fileobj=tape, mode="w", format=form) as archive:
            member = tarfile.TarInfo("ü" * 150 + ".js")
            member.size = 5
            archive.addfile(member, io.BytesIO(b"x = 1"))
        assert found(mixed(part(tape.getvalue(), "a.tar")), attachments=["script"]) == {"attachments"}

    def test_a_file_as_text_of_older_macintoshes_is_closed(self) -> None:
        text = b"(This file must be converted with BinHex 4.0)\r\n:$f0S!!\r\n"
        assert found(mixed(part(text, "a.txt", "text/plain")), attachments=["executable"]) == {"incomplete"}

    def test_a_comment_behind_the_name_of_a_file(self) -> None:
        headers = (
            b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="a.js" (x)\r\n\r\n'
        )
        assert found(mixed(headers + b"x = 1"), attachments=["script"]) == {"attachments"}

    @pytest.mark.parametrize("label", ["cn-gb", "x-gbk"])
    def test_names_of_charsets(self, label: str) -> None:
        assert found(mail("发票".encode("gbk"), kind=f"text/plain; charset={label}"), words=["发票"]) == {"words"}

    @pytest.mark.parametrize("sender", ["'x@evil.example'", "x@good.example@evil.example"])
    def test_addresses_without_brackets(self, sender: str) -> None:
        assert found(mail("hello", From=sender), senders=["evil.example"]) == {"senders"}


class TestNotSearched:
    """What docs/inspection.md says is not searched: nothing is found there, and nothing is said of it."""

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.docx", zipped([("word/document.xml", b"<w:t>overdue invoice</w:t>")])),
            ("a.pdf", document("<</Type/Catalog/Pages 2 0 R>>", *PAGES, TEXT)),
            ("a.zip", zipped([("a.txt", b"overdue invoice")])),
            ("a.png", b"\x89PNG\r\n\x1a\noverdue invoice"),
        ],
    )
    def test_words_of_files_that_are_not_texts(self, name: str, content: bytes) -> None:
        assert found(mixed(part(content, name)), words=["overdue invoice"]) == set()
