"""Files as strangers send them, kind by kind: by what they are, wherever they are, and where they lead."""

import base64
import binascii
import gzip
import json

import pytest

from shared.protection.inspection.file_types import NAMED
from tests.harness.mail import found, head, mail, mixed, page, part, zipped
from tests.harness.office import compound, document
from tests.protection.test_attachments import encrypted
from tests.protection.test_documents_within import INVITE, LEADING, LOCKED

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
RUNNING = ["executable", "script", "shortcut", "macro"]
LINK = b'<html><a href="https://evil.example/in">Open</a></html>'
TYPES = ("[Content_Types].xml", b"<Types/>")
CALENDAR = INVITE.format("DESCRIPTION:Join\\nhttps://evil.example/in").encode()
UUENCODED = b"".join(binascii.b2a_uu(PROGRAM[at : at + 45]) for at in range(0, len(PROGRAM), 45)) + b"`\r\nend\r\n"
EICAR = base64.b64decode("WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FS")
TNEF = b'x\x9f>"\1\0'
ENVELOPED = b"\x30\x82\1\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80"
SMIME = b"\x30\x82\1\0\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01"


def attached(name: str, content: bytes, kind: str = "application/octet-stream") -> bytes:
    return mixed(part(content, name, kind))


def relations(*targets: str) -> bytes:
    rows = "".join(f'<Relationship Id="a" Type="x/hyperlink" Target="{one}" TargetMode="External"/>' for one in targets)
    return f'<Relationships>{rows}<Relationship Id="b" Target="inner.example"/></Relationships>'.encode()


class TestWhatRuns:
    @pytest.mark.parametrize(
        "name",
        [
            "a.diagcfg",
            "a.psdm1",
            "a.mshxml",
            "a.htc",
            "a.osd",
            "a.nsh",
            "a.vsmacros",
            "a.udl",
            "a.mcf",
            "a.mam",
            "a.maw",
            "a.asx",
            "a.prf",
            "a.printerexport",
            "a.flatpakref",
            "a.settingcontent-ms",
            "a.mobileconfig",
            "a.RDP",
            "a.jnlp.",
            "a.action",
        ],
    )
    def test_a_text_by_its_name(self, name: str) -> None:
        assert found(attached(name, b"anything"), attachments=RUNNING) == {"attachments"}

    @pytest.mark.parametrize("name", ["a.msix", "a.appxbundle", "a.gadget", "a.ipa", "a.pyz", "a.themepack"])
    def test_an_archive_that_is_a_program_by_its_name(self, name: str) -> None:
        assert found(attached(name, zipped([("a", b"x")])), attachments=RUNNING) == {"attachments"}
        assert found(attached("a.zip", zipped([("a", b"x")])), attachments=RUNNING) == set()

    @pytest.mark.parametrize("name", ["a.com", "a.txt", "a"])
    def test_the_program_that_tests_scanners(self, name: str) -> None:
        for content in (EICAR, zipped([(name, EICAR)])):
            assert found(attached(name, content), attachments=["executable"]) == {"attachments"}

    @pytest.mark.parametrize("content", [b"\0<html>", b"hello", PROGRAM, "<p>".encode("utf-16"), b"<svg/>"])
    def test_a_page_that_windows_runs(self, content: bytes) -> None:
        for name in ("a.hta", "A.HTA. "):
            for kind in ("application/octet-stream", "text/plain", "image/png"):
                assert found(attached(name, content, kind), attachments=["script"]) == {"attachments"}

    @pytest.mark.parametrize("kind", ["text/javascript", "application/hta", "application/x-ms-shortcut"])
    def test_without_a_name_its_type_gives_one(self, kind: str) -> None:
        assert found(mixed(part(b"x=1", "", kind)), attachments=RUNNING) == {"attachments"}

    @pytest.mark.parametrize(
        "given",
        [
            "attachment filename=a.js",
            "attachment; name=a.js",
            "attachment; filename='a.js'",
            "attachment; filename*1=js; filename*0=a.",
            'attachment; filename="=?utf-8?q?a=2E?= =?utf-8?q?js?="',
            "attachment; filename*0*=utf-8''a%2E; filename*1=js",
        ],
    )
    def test_a_name_in_any_form(self, given: str) -> None:
        assert found(mixed(head({"Content-Disposition": given}) + b"x=1"), attachments=["script"]) == {"attachments"}


class TestWhatIsHarmless:
    DOCX = zipped(
        [
            TYPES,
            ("word/document.xml", b"<x/>"),
            ("word/theme/theme1.xml", b"<a/>"),
            ("word/_rels/document.xml.rels", relations("https://good.example/")),
        ]
    )

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("Letter.docx", DOCX),
            ("Bob's report.docx", DOCX),
            ("README.md", b"<p align=center>Logo</p>"),
            ("notes.markdown", b"<svg></svg> is a drawing"),
            ("notes.txt", b"MZ and PK are letters"),
            ("a.ics", CALENDAR.replace(b"evil", b"good")),
            ("signature.asc", b"-----BEGIN PGP SIGNATURE-----"),
            ("a.rtf", b"{\\rtf1 hello}"),
            ("a.eml", page("<p>Hello <a href='https://good.example/'>there</a>")),
        ],
    )
    def test_an_ordinary_file_is_nothing(self, name: str, content: bytes) -> None:
        every = [*NAMED, "archive", "encrypted-archive", "encrypted-document", "disguised"]
        asked = {"attachments": every, "links": ["evil.example", "inner.example"], "misleading_links": True}
        assert found(attached(name, content), words=["invoice"], **asked) == set()


class TestWhereFilesLead:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.docx", zipped([TYPES, ("word/_rels/document.xml.rels", relations("https://evil.example/?a&amp;b"))])),
            (
                "a.xlsx",
                zipped([TYPES, ("xl/worksheets/_rels/sheet1.xml.rels", relations("a.pdf", "https://evil.example"))]),
            ),
            ("a.pptx", zipped([TYPES, ("ppt/slides/_rels/slide1.xml.rels", relations("https://evil.example/"))])),
            ("a.dat", zipped([TYPES, ("word/_rels/settings.xml.rels", relations("https://evil.example/a.dotm"))])),
            ("a.odt", zipped([("mimetype", b"x"), ("content.xml", b"<text:a xlink:href='https://evil.example/'/>")])),
            ("a.doc", compound({"WordDocument": b'\x13 HYPERLINK "https://evil.example/" \x14Open'})),
            ("a.xls", compound({"Workbook": b"\xe0\xc9\x2a\0\0\0" + "https://evil.example/\0".encode("utf-16-le")})),
            ("a.ppt", compound({"PowerPoint Document": "https://evil.example/".encode("utf-16-le")})),
            ("a.rtf", b'{\\rtf1{\\field{\\*\\fldinst{HYPERLINK "https://evil.example/"}}}}'),
            ("a.zip", zipped([("a/invoice.html", LINK)])),
            ("a.zip", zipped([("a.zip", zipped([("a.pdf", LEADING)]))])),
            ("a.zip", zipped([("a.ics", CALENDAR)])),
            ("a.zip", zipped([("a.eml", page(LINK.decode()))])),
            ("a.html.gz", gzip.compress(LINK, mtime=0)),
            ("a.eml", attached("a.zip", zipped([("a.svg", b"<svg><a href='https://evil.example/'/></svg>")]))),
            ("a.iqy", b"WEB\r\n1\r\nhttps://evil.example/"),
            ("a.jnlp", b"<jnlp codebase='https://evil.example/'/>"),
            ("a", b"\xef\xbb\xbf" + CALENDAR),
            (
                "a.svg",
                b"<!DOCTYPE svg [<!ENTITY a '//evil.example'><!ENTITY b 'https:&a;'>]><svg><a href='&b;/'/></svg>",
            ),
            ("a.svg", b"<svg><script><![CDATA[location='https://evil.example/']]></script></svg>"),
        ],
    )
    def test_by_a_click_in_them(self, name: str, content: bytes) -> None:
        assert found(attached(name, content), links=["evil.example"]) == {"links"}
        assert found(attached(name, content), links=["inner.example"], words=["open"]) <= {"words"}

    def test_that_they_could_not_be_opened_is_said_of_links_alone(self) -> None:
        locked = compound({"EncryptedPackage": b"", "EncryptionInfo": b""})
        for content in (
            b"Rar!\x1a\x07\1\0" + b"x" * 90,
            b"7z\xbc\xaf\x27\x1c" + b"x" * 90,
            encrypted("a.html"),
            locked,
        ):
            assert found(attached("a.dat", content), links=["evil.example"]) == {"incomplete"}
            assert found(attached("a.dat", content), words=["invoice"]) == set()


class TestWithin:
    INNER = mixed(part(PROGRAM, "a.exe"))

    @pytest.mark.parametrize(
        "message",
        [
            attached("a.zip", zipped([("mail.eml", b"Subject: x\r\n" * 9_000 + INNER)])),
            attached("a.eml.gz", gzip.compress(INNER, mtime=0)),
            attached("a.eml", b"\xef\xbb\xbf" + INNER),
            attached("a.eml", attached("b.zip", zipped([("c.eml", INNER)]))),
            attached("a.uue", b"begin 644 a.exe\r\n" + UUENCODED),
            attached("a.txt", b"begin 644 a.exe\r\n" + UUENCODED, "text/plain"),
            mixed(part(compound({"__attach_version1.0_#00000000/__substg1.0_37010102": PROGRAM}), "a.msg")),
            mixed(head({"Content-Transfer-Encoding": "(a (b) c) BASE64;"}) + base64.b64encode(PROGRAM)),
        ],
    )
    def test_a_program_is_found(self, message: bytes) -> None:
        assert "attachments" in found(message, attachments=["executable"])

    @pytest.mark.parametrize(
        "behind",
        [
            b"--b1x\r\n" + part(PROGRAM, "a"),
            b"--b1--\r\n\r\nbegin 644 a.exe\r\n" + UUENCODED,
            b"--b1--\r\nContent-Type: a/b\r\n",
        ],
    )
    def test_what_some_programs_find_is_said(self, behind: bytes) -> None:
        parted = mail(b"--b1\r\n\r\nHello\r\n" + behind + b"\r\n--b1--\r\n", kind="multipart/mixed; boundary=b1")
        assert found(parted, attachments=["executable"]) == {"incomplete"}

    @pytest.mark.parametrize("codec", ["undefined", "idna", "punycode"])
    def test_a_border_that_cannot_be_read_stops_nothing(self, codec: str) -> None:
        message = mail("--b\r\n\r\ninvoice", kind=f"text/plain; boundary*={codec}''b%FF")
        assert found(message, words=["invoice"]) == {"words"}

    def test_borders_that_begin_alike_are_two(self) -> None:
        inner = "Content-Type: multipart/alternative; boundary=b12\r\n\r\n--b12\r\n\r\nHello\r\n--b12--\r\n"
        nested = mail(f"--b1\r\n{inner}--b1--\r\n", kind="multipart/mixed; boundary=b1")
        assert found(nested, attachments=["executable"], words=["hello"]) == {"words"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("winmail.dat", TNEF),
            ("a", TNEF),
            ("smime.p7m", ENVELOPED),
            ("a", ENVELOPED),
            ("a", SMIME + b"\x09"),
            ("a", SMIME + b"\x17"),
            ("smime.p7m", base64.b64encode(ENVELOPED)),
            ("a.gpg", b"\x85\1\x0c\3"),
            ("a.asc", b"-----BEGIN PGP MESSAGE-----\r\n"),
            ("message.rpmsg", b"\x76\xe8\4\x60\xc4\x11\xe3\x86"),
            ("a.txt", b"=ybegin line=128 size=3 name=a.exe\r\nabc"),
            ("a.pdf", LOCKED),
        ],
    )
    def test_what_is_closed_is_said_whatever_is_asked(self, name: str, content: bytes) -> None:
        kind = "text/plain" if name == "a.txt" else "application/octet-stream"
        for asked in ({"links": ["evil.example"]}, {"words": ["invoice"]}, {"attachments": ["executable"]}):
            assert found(attached(name, content, kind), **asked) == {"incomplete"}, json.dumps(asked)


ONE_PAGE = ("<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R>>")
URI = "<</S/URI/URI(https://evil.example/)>>"
RUN = "<</S/JavaScript/JS(x)>>"


def pdf(catalog: str, *objects: str, annotation: str = "") -> bytes:
    page = f"<</Type/Page/Parent 2 0 R/Annots[{annotation}]>>"
    return document(f"<</Type/Catalog/Pages 2 0 R{catalog}>>", ONE_PAGE[0], page, *objects)


class TestDocuments:
    @pytest.mark.parametrize(
        "content",
        [
            pdf("/Outlines 4 0 R", "<</First 5 0 R>>", "<</Next 6 0 R>>", f"<</A{URI}>>"),
            pdf(f"/OpenAction<</S/GoTo/D[3 0 R]/Next[{URI}]>>"),
            pdf("/URI<</Base(https://evil.example/)>>", annotation="<</A<</S/URI/URI(in)>> >>"),
            pdf("", annotation="<</A<</S/SubmitForm/F(https://evil.example/)>> >>"),
            pdf("", annotation="<</A<</S/#55RI/U#52I(https://\\145vil.example/)>> >>"),
        ],
    )
    def test_where_a_pdf_leads(self, content: bytes) -> None:
        assert found(attached("a.pdf", content), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "content",
        [
            pdf("/Outlines 4 0 R", "<</First 5 0 R>>", f"<</A{RUN}>>"),
            pdf("/AcroForm<</Fields[4 0 R]>>", "<</Kids[5 0 R]>>", f"<</AA<</K{RUN}>> >>"),
            pdf("", annotation="<</A<</S/Rendition/JS(x)>> >>"),
            pdf("/AcroForm<</Fields[]/XFA 4 0 R>>", "<</Length 20>>stream\n<script>x</script> \nendstream"),
        ],
    )
    def test_what_runs_in_a_pdf(self, content: bytes) -> None:
        assert found(attached("a.pdf", content), attachments=["script"]) == {"attachments"}

    def test_a_file_on_a_page_of_a_pdf(self) -> None:
        objects = ("<</F(a.exe)/EF<</F 5 0 R>> >>", "<</Length 8>>stream\nMZ\x90\0\x03\0\0\0\nendstream")
        held = pdf("", *objects, annotation="<</Subtype/FileAttachment/FS 4 0 R>>")
        assert found(attached("a.pdf", held), attachments=["executable"]) == {"attachments"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.mso", b"ActiveMime\0\0\xf0\1"),
            ("a.odt", zipped([("mimetype", b"x"), ("Scripts/python/a.py", b"x")])),
            ("a.doc", b'<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:x w:macrosPresent="yes"/>'),
            ("a.xml", b"<?xml version='1.0'?><?mso-application progid='Word.Document'?><w:x w:macrosPresent='yes'/>"),
            ("a.xml", b"<?mso-application progid='Word.Document'?><pkg:part pkg:name='/word/vbaProject.bin'/>"),
            ("a.doc", mixed(part(b"ActiveMime\0\0", "", "application/x-mso"))),
        ],
    )
    def test_macros_in_other_forms(self, name: str, content: bytes) -> None:
        assert found(attached(name, content), attachments=["macro"]) == {"attachments"}
