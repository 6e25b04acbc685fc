"""Files by their formats: older Office documents, what Windows runs or follows, pages and drawings, rich texts."""

import struct

import pytest

from shared.protection.inspection.file_types import NAMED
from tests.harness.mail import found, head, mixed, part, zipped
from tests.harness.office import compound
from tests.protection.test_attachments import PROGRAM, attached

LOCKED_TEXT = compound({"WordDocument": b"\xec\xa5" + b"\0" * 8 + b"\0\1" + b"\0" * 20})
THEME = zipped([("[Content_Types].xml", b"<x/>"), ("theme/theme/theme1.xml", b"<x/>")])
VBA = {"Macros/VBA/dir": b"x", "Macros/VBA/_VBA_PROJECT": b"x"}


def sheets(*kinds: int, locked: bool = False) -> bytes:
    """An Excel workbook's stream with sheets of these kinds."""
    records = [struct.pack("<2H", 0x0809, 4) + b"\0\6\5\0"]
    records += [struct.pack("<2H", 0x002F, 4) + b"\0" * 4] if locked else []
    records += [struct.pack("<2HIBB", 0x0085, 8, 0, 2, kind) + b"\1\0" for kind in kinds]
    return b"".join(records) + struct.pack("<2H", 0x000A, 0)


def show(*records: int) -> bytes:
    """A presentation's stream: a document that holds a list of records."""
    inner = b"".join(struct.pack("<2HI", 0x0F, kind, 0) for kind in records)
    return struct.pack("<2HI", 0x0F, 0x03E8, len(inner)) + inner


def packed(name: str, content: bytes) -> bytes:
    """A file as it is put into a document."""
    return (
        b"\0" * 4
        + b"\2\0"
        + name.encode()
        + b"\0C:\\x\0"
        + b"\0\0\3\0"
        + b"\4\0\0\0"
        + b"C:\\\0"
        + struct.pack("<I", len(content))
        + content
    )


@pytest.mark.parametrize(
    ("name", "content", "kinds"),
    [
        # A theme lies in them as a zip; they are no archives for that.
        ("minutes.doc", compound({"WordDocument": b"", "Data": THEME}), set()),
        ("talk.ppt", compound({"PowerPoint Document": show(), "Pictures": THEME}), set()),
        ("book.xls", compound({"Workbook": sheets(0), "Theme": b"x" * 5000 + THEME}), set()),
        ("minutes.doc", compound({"WordDocument": b"", "Data": THEME, **VBA}), {"macro"}),
        ("book.xls", compound({"Workbook": sheets(0), "_VBA_PROJECT_CUR/VBA/dir": b"x", "T": THEME}), {"macro"}),
        ("minutes.txt", compound({"WordDocument": b"", **VBA}), {"macro", "disguised"}),
        # Macros of Excel 4, and of PowerPoint.
        ("book.xls", compound({"Workbook": sheets(0, 1)}), {"macro"}),
        ("book.xls", compound({"Book": sheets(1)}), {"macro"}),
        ("book.xls", compound({"Workbook": sheets(0, 2)}), set()),
        ("talk.ppt", compound({"PowerPoint Document": show(0x07D0, 0x03FF)}), {"macro"}),
        # Encrypted by the formats' own means.
        ("book.xls", compound({"Workbook": sheets(0, locked=True)}), {"encrypted-document"}),
        ("minutes.doc", LOCKED_TEXT, {"encrypted-document"}),
        (
            "talk.ppt",
            compound({"PowerPoint Document": b"", "Current User": b"\0" * 12 + b"\xdf\xc4\xd1\xf3"}),
            {"encrypted-document"},
        ),
        ("new.docx", compound({"EncryptionInfo": b"", "EncryptedPackage": b""}), {"encrypted-document"}),
        # Files in documents.
        (
            "minutes.doc",
            compound({"WordDocument": b"", "ObjectPool/_1/\x01Ole10Native": packed("a.exe", PROGRAM)}),
            {"executable"},
        ),
        (
            "minutes.doc",
            compound({"WordDocument": b"", "ObjectPool/_1/\x01Ole10Native": packed("a.vbs", b"x = 1")}),
            {"script"},
        ),
        (
            "new.docx",
            zipped(
                [
                    ("[Content_Types].xml", b"<x/>"),
                    ("word/embeddings/o.bin", compound({"\x01Ole10Native": packed("a.exe", PROGRAM)})),
                ]
            ),
            {"executable"},
        ),
        (
            "a.rtf",
            b"{\\rtf1{\\object\\objemb{\\*\\objdata 0105000002000000" + compound(VBA).hex().encode() + b"}}}",
            {"macro"},
        ),
        ("a.doc", b"{\\rtf1 hello}", set()),
        # Installers.
        ("a.bin", compound({"x": b""}, clsid=bytes.fromhex("84100c0000000000c000000000000046")), {"executable"}),
        ("a.msp", compound({"x": b""}, clsid=bytes.fromhex("86100c0000000000c000000000000046")), {"executable"}),
        # Saved messages.
        ("a.msg", compound({"__attach_version1.0_#00000000/__substg1.0_37010102": PROGRAM}), {"executable"}),
        # Behind another name it opens as an archive.
        ("a.zip", compound({"WordDocument": b""}) + zipped([("a.exe", PROGRAM)]), {"archive", "executable"}),
        ("a.doc", compound({"Data": b""}) + zipped([("a.exe", PROGRAM)]), {"archive", "executable", "disguised"}),
    ],
)
def test_older_documents(name: str, content: bytes, kinds: set[str]) -> None:
    assert attached(name, content) == (kinds, True)


def test_a_broken_one_is_said_to_be_and_judged_by_what_stands_in_it() -> None:
    broken = compound({"WordDocument": b""})[:600] + "_VBA_PROJECT".encode("utf-16-le") + b"\0" * 600
    assert attached("a.doc", broken) == ({"macro"}, False)
    assert attached("a.doc", compound({"WordDocument": b"", **VBA})[:1500])[1] is False


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.rdp", b"full address:s:evil.example\r\nremoteapplicationmode:i:1\r\n"),
        ("a.jnlp", b'<?xml version="1.0"?><jnlp spec="1.0+"/>'),
        ("a.msc", b'<?xml version="1.0"?><MMC_ConsoleFile ConsoleVersion="3.0"/>'),
        ("a.settingcontent-ms", b'<?xml version="1.0"?><PCSettings><SearchableContent/></PCSettings>'),
        ("a.iqy", b"WEB\r\n1\r\nhttps://evil.example/\r\n"),
        ("a.scf", b"[Shell]\r\nCommand=2\r\nIconFile=\\\\evil.example\\a\r\n"),
        ("a.mobileconfig", b'<?xml version="1.0"?><!DOCTYPE plist><plist version="1.0"/>'),
        ("a.slk", b'ID;PWXL;N;E\r\nC;X1;Y1;EEXEC("x")\r\n'),
        ("a.pkg", b"xar!\0\x1c\0\1" + b"\0" * 40),
        ("a.library-ms", b"<libraryDescription/>"),
        ("a.search-ms", b"<persistedQuery/>"),
        ("a.website", b"[InternetShortcut]\r\nURL=https://evil.example/"),
        ("a.webloc", b'<?xml version="1.0"?><plist><dict><key>URL</key></dict></plist>'),
        ("a.inetloc", b"<plist/>"),
        ("a.desktop", b"[Desktop Entry]\nExec=sh"),
        ("a.theme", b"[Theme]\r\n"),
        ("a.appref-ms", "https://evil.example/a.application".encode("utf-16")),
        ("a.application", b"<asmv1:assembly/>"),
        ("a.wsf", b"<job><script/></job>"),
        ("a.sct", b"<scriptlet/>"),
        ("a.hta", b"<html><script>MsgBox 1</script></html>"),
        ("a.HTA ", b"\0<html>"),
        ("a.xbap", b"<x/>"),
        ("a.accde", b"\0\1\0\0Standard ACE DB\0"),
        ("a.mdb", b"\0\1\0\0Standard Jet DB\0"),
        ("a.deb", b"!<arch>\ndebian-binary   "),
        ("a.chm", b"ITSF\3\0"),
        ("a.hlp", b"?_\3\0\0"),
        ("a.crx", b"Cr24\3\0\0\0"),
        ("a.xll", b"MZ\0\0"),
        ("a.ade", b"\xff\0\1"),
        ("a.reg", b"REGEDIT4\r\n"),
        ("a.inf", b"[Version]"),
        ("x", b"full address:s:evil.example\r\n"),
        ("x", b"[Shell]\r\nCommand=2"),
        ("x", b"WEB\r\n1\r\nhttps://evil.example/"),
    ],
)
def test_what_windows_or_macos_runs_or_follows(name: str, content: bytes) -> None:
    assert attached(name, content)[0] & {"executable", "script", "shortcut", "macro"}


@pytest.mark.parametrize(
    "content",
    [
        b"<html>\0<body><script>1</script>",
        b"\0\0<html>",
        b"<!doctype html>\0",
        b"\xff\xfe<\0h\0t\0m\0l\0>\0",
        b"<\0h\0t\0m\0l\0>\0",
        b"anything at all \0\1\2",
    ],
)
def test_a_page_is_one_whatever_stands_in_it(content: bytes) -> None:
    for kind in ("application/octet-stream", "text/plain", "image/png", "application/pdf"):
        assert found(mixed(part(content, "invoice.html", kind)), attachments=["html"]) == {"attachments"}


@pytest.mark.parametrize(
    "content", [b"<svg onload='x'>", b"<?xml version='1.0'?>\n<svg:svg>", b"\0<svg>", b"<!-- x --><svg/>"]
)
def test_a_drawing_too(content: bytes) -> None:
    for name in ("a.svg", "a.SVG.", "a.bin"):
        assert found(mixed(part(content, name, "image/svg+xml")), attachments=["svg", "html"]) == {"attachments"}


@pytest.mark.parametrize(
    "content", [b'<p align="center">Logo</p>\n\n# Title', b"<h1>x</h1>", b"<!-- x -->\n<img src=x>"]
)
def test_markdown_may_begin_with_html(content: bytes) -> None:
    for name in ("README.md", "CHANGELOG.md"):
        assert found(mixed(part(content, name, "text/markdown")), attachments=["disguised"]) == set()


@pytest.mark.parametrize(
    ("kind", "disposition"),
    [
        ('application/octet-stream; name="a.js"', 'attachment; filename="a.txt"'),
        ('application/octet-stream; name="a.txt"', 'attachment; filename="a.js"'),
        ('application/octet-stream; name="a.txt"', "attachment; filename*=utf-8''a.js"),
        ('text/plain; name="=?utf-8?q?a=2Ejs?="', 'inline; filename="a.txt"'),
        ("text/plain; name=a.txt; name=a.js", "inline"),
        ("text/plain", "inline; filename=a.txt; filename*0=a; filename*1=.js"),
    ],
)
def test_every_name_counts(kind: str, disposition: str) -> None:
    content = head({"Content-Type": kind, "Content-Disposition": disposition}) + b"var x=1;\r\n"
    assert found(mixed(content), attachments=["script"]) == {"attachments"}


def test_no_ending_stands_for_two_kinds() -> None:
    every = [ending for endings in NAMED.values() for ending in endings]
    assert len(every) == len(set(every))
