"""The formats' readers are given what nobody would write: within a second and a fixed memory, and none fails."""

import tracemalloc
import zlib
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protection.inspection.headers import decoded, people
from shared.protection.inspection.inspect import judge
from shared.protection.inspection.links import host_of, written
from shared.protection.inspection.page_bounds import readable
from shared.protection.inspection.rewriters import leads_to
from tests.harness.mail import TENANT, mail, mixed, part
from tests.harness.office import compound
from tests.protection.test_documents_within import HOLDING, INVITE, LEADING, LINES, LOCKED
from tests.protection.test_file_types import VBA, sheets, show
from tests.protection.test_fuzz import EVERYTHING, kinds, look, mutated, steady
from tests.protection.test_rewriters import REWRITTEN
from tests.protection.test_rich_texts_and_calendars import PROGRAM, packed, rich
from tests.protection.test_wrapped import (
    LETTER,
    PACKED,
    attached,
    attribute,
    cms,
    message_with,
    open_ended,
    packed_text,
    properties,
    winmail,
)

OLD = (
    compound({"WordDocument": b"", **VBA}),
    compound({"Workbook": sheets(0, 1)}),
    compound({"PowerPoint Document": show(0x07D0, 0x03FF), "Current User": b""}),
    compound({"__substg1.0_10130102": b"<p>x", "__attach_version1.0_#00000000/__substg1.0_37010102": b"MZ\0\0"}),
)
RICH = (
    rich(packed(PROGRAM).hex().encode()),
    rich(b"\\bin%d " % len(packed(PROGRAM)) + packed(PROGRAM)),
    b'{\\rtf1{\\*\\template https://evil.example/}{\\field{\\*\\fldinst{HYPERLINK }{"https://evil.example/"}}}}',
)
WRAPPED = (
    cms(LETTER),
    cms(LETTER, pieces=9),
    cms(zlib.compress(LETTER), PACKED),
    winmail(attached(b"MZ\0\0"), message_with({0x1013001F: "<p>x"})),
    winmail(message_with({0x10090102: packed_text(rb"{\rtf1\fromhtml{\*\htmltag <p>}x\u8364?\'41")})),
    winmail(attribute(2, 0x00069005, properties({0x3701000D: bytes(16) + b"MZ", 0x370D001F: "https://x.example/"}))),
)
FROM_PAGE = b"{\\rtf1\\fromhtml{\\*\\htmltag <p>}\\htmlrtf "
HELD = "ATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=a.exe:TVqQAAMAAAA="
TAGS = [
    "<b>",
    "<b x>",
    "</b>",
    "<p>",
    "</p>",
    "<table>",
    "<td>",
    "<svg>",
    "<title>",
    "</title>",
    "<!--",
    "-->",
    "<style>",
    "</style>",
    "<script>",
    "<template>",
    "<select>",
    "<form>",
    "<noframes>",
    "<xmp>",
    "<plaintext>",
    "<a href=//x.example>",
    "<base href=//y.example>",
    "x.example ",
    "<!--[if mso]>",
    "<![endif]-->",
    "&shy;",
    "&#0;",
    "\x00",
    "<meta http-equiv=refresh content='0;//z'>",
    "<i style='display:none'>",
    "<iframe srcdoc='<a href=//q.example>'>",
]


class TestReaders:
    @given(mutated(originals=OLD), st.sampled_from(["a.doc", "a.xls", "a.msg", "a.zip", ""]))
    @steady
    def test_older_documents(self, content: bytes, name: str) -> None:
        look(mixed(part(content, name)))

    @given(mutated(originals=(LEADING, HOLDING, LOCKED)), st.sampled_from(["a.pdf", "a", "a.txt"]))
    @steady
    def test_documents(self, content: bytes, name: str) -> None:
        look(mixed(part(content, name)))

    @given(mutated(originals=RICH))
    @steady
    def test_rich_texts(self, content: bytes) -> None:
        look(mixed(part(content, "a.rtf")))

    @given(mutated(originals=WRAPPED), st.sampled_from(["smime.p7m", "winmail.dat", ""]))
    @steady
    def test_what_is_wrapped(self, content: bytes, name: str) -> None:
        look(mixed(part(content, name)))

    @given(mutated(originals=tuple(INVITE.format(line).encode() for line in (*LINES, HELD))))
    @steady
    def test_calendars(self, content: bytes) -> None:
        look(mixed(part(content, "a.ics", "text/calendar")))

    @given(st.lists(st.sampled_from(TAGS) | st.text(max_size=5), max_size=60).map("".join))
    @steady
    def test_pages(self, content: str) -> None:
        look(mail(content.encode("utf-8", "replace"), kind="text/html; charset=utf-8"))
        look(mixed(part(content.encode("utf-8", "replace"), "a.html")))

    @given(st.text(max_size=300) | st.sampled_from(REWRITTEN).flatmap(lambda one: st.text(max_size=9).map(one.__add__)))
    @steady
    def test_addresses(self, text: str) -> None:
        for one in (text, *written(text)):
            assert host_of(one) is None or host_of(one) == str(host_of(one)).lower()
            leads_to(one)

    @given(st.lists(st.sampled_from(list('<>()"\\,;:@ aä=?')) | st.just("=?utf-8?q?"), max_size=60).map("".join))
    @steady
    def test_senders(self, text: str) -> None:
        assert people(text)
        assert isinstance(decoded(text), str)


HALF = 250_000
# What takes time or memory by the square of a page's length.
HEAVY: Mapping[str, Callable[[], str]] = {
    "deep": lambda: "<div>" * 100_000,
    "deep and closed": lambda: "<div>" * 50_000 + "</p>" * 62_000,
    "lists": lambda: "<ul><li>" * 60_000,
    "drawings": lambda: "<svg><g>" * 30_000 + "</q>" * 60_000,
    "formatting": lambda: "".join(f"<b a{n}>" for n in range(25_000)) + "<p>x" * 60_000,
    "formatting that hides": lambda: "".join(f"<b a='>{n}'>" for n in range(20_000)) + "<p>x" * 60_000,
    "formatting in comments": lambda: "<!-- </b> -->".join(f"<b a{n}>" for n in range(15_000)) + "<p>x" * 60_000,
    "attributes": lambda: "<a " + " ".join(f"a{n}" for n in range(60_000)) + ">",
    "attributes side by side": lambda: "<a " + "".join(f'a{n}="1"' for n in range(50_000)) + ">",
    "attributes with marks in them": lambda: "<a " + " ".join(f"a{n % 200}'b{n // 200}" for n in range(40_000)) + ">",
    "attributes of the body": lambda: "".join(f"<body a{n}>" for n in range(40_000)),
    "quotation marks": lambda: '<b a="' * 60_000,
    "anchors": lambda: "<a href=//x.example><div>" * 20_000,
    "links": lambda: "<a href=//x.example>y</a>" * 20_000,
    "hidden": lambda: "<i style='display:none'>x</i>y" * 16_000,
    "rules": lambda: "<style>" + ".a{display:none}" * 30_000 + "</style>" + "<i class='a b c d'>" * 1_000,
    "conditions": lambda: "<!--[if mso]><b>x</b><![endif]-->" * 14_000,
    "addresses": lambda: "http://x.example/ " * 25_000,
    "hosts": lambda: "x.y.z.example " * 35_000,
    "labels": lambda: "a." * HALF,
}


# What the readers of single formats could take long for: a file's name, and its content.
HEAVY_FILES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "digits": ("a.rtf", lambda: rich(b"4d " * 400_000)),
    "objects": ("a.rtf", lambda: b"{\\rtf" + b"{\\objdata 4d{\\x}5a}" * 100_000),
    "letters by number": ("a.rtf", lambda: b"{\\rtf HYPERLINK " + b"\\'41" * 500_000),
    "quoted lines": ("a.ics", lambda: b"BEGIN:VCALENDAR\r\nA;ENCODING=QUOTED-PRINTABLE:" + b"=\r\n" * 150_000),
    "semicolons": ("a.ics", lambda: b"BEGIN:VCALENDAR\r\n" + (b"A" + b";" * 400 + b"FMTTYPE\r\n") * 1_000),
    "escapes": ("a.html", lambda: b"<script>" + b"\\x68" * 120_000),
    "turned": ("a.html", lambda: b"<bdo dir=rtl>x" * 10_000),
    "bytes one by one": ("smime.p7m", lambda: cms(b"x" * 150_000, pieces=1)),
    "pieces in pieces": ("smime.p7m", lambda: cms(b"x").replace(b"\x04\x01x", b"\x24\x80" * 900_000)),
    "open ends": (
        "smime.p7m",
        lambda: open_ended(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", b"\xa0\x80" * 900_000),
    ),
    "zeros that unpack": ("smime.p7z", lambda: cms(zlib.compress(bytes(18_000_000)), PACKED)),
    "attributes of a message": ("winmail.dat", lambda: winmail(*[attribute(2, 0x00069002, b"")] * 30_000)),
    "properties": ("winmail.dat", lambda: winmail(*[message_with(dict.fromkeys(range(3, 1 << 26, 1 << 16), 1))] * 50)),
    "a packed text": ("winmail.dat", lambda: winmail(message_with({0x10090102: packed_text(b"x" * 700_000)}))),
    "a packed page": ("winmail.dat", lambda: winmail(message_with({0x10090102: packed_text(FROM_PAGE * 12_000)}))),
}


class TestBounds:
    @pytest.mark.parametrize("which", HEAVY_FILES)
    def test_heavy_files(self, which: str) -> None:
        name, content = HEAVY_FILES[which]
        look(mixed(part(content(), name)))

    @pytest.mark.parametrize("which", HEAVY)
    def test_heavy_pages(self, which: str) -> None:
        look(mail(HEAVY[which](), kind="text/html; charset=utf-8"))

    @pytest.mark.parametrize("which", ["deep", "formatting", "attributes", "attributes of the body"])
    def test_what_is_not_read_of_them_is_said(self, which: str) -> None:
        assert "incomplete" in kinds(look(mail(HEAVY[which](), kind="text/html; charset=utf-8")))

    def test_large_ordinary_pages_are_read_whole(self) -> None:
        table = "<table>" + "<tr><td>1</td><td><b>2</b></td><td><a href='//x.example/'>3</a></td></tr>\n" * 4_000
        assert readable(table) == table
        text = "<p>" + "A sentence of <i>some</i> words, and <b>another</b>. " * 3_000
        assert readable(text) == text

    @pytest.mark.parametrize("which", HEAVY)
    def test_memory_is_bounded(self, which: str) -> None:
        message = mail(HEAVY[which](), kind="text/html; charset=utf-8")
        tracemalloc.start()
        try:
            judge(message, EVERYTHING, TENANT)
            assert tracemalloc.get_traced_memory()[1] < 120_000_000
        finally:
            tracemalloc.stop()
