"""Where PDFs lead by more than the links of their pages, and the files that belong to a part of them."""

import zlib

import pytest

from tests.harness.mail import found, mixed, part
from tests.harness.office import document

EVIL = "https://evil.example/in"
CATALOG, PAGES = "<</Type/Catalog/Pages 2 0 R{}>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>"
PROGRAM = "<</Length 4>>stream\nMZ\x90\0\nendstream"


def pdf(*objects: str, catalog: str = "", page: str = "") -> bytes:
    return document(CATALOG.format(catalog), PAGES, f"<</Type/Page/Parent 2 0 R{page}>>", *objects)


def stream(content: str, *, packed: bool = False) -> str:
    data = zlib.compress(content.encode("latin-1")) if packed else content.encode("latin-1")
    filtered = "/Filter/FlateDecode" if packed else ""
    return f"<</Length {len(data)}{filtered}>>stream\n{data.decode('latin-1')}\nendstream"


def noted(action: str) -> bytes:
    return pdf(f"<</Subtype/Link/A<<{action}>> >>", page="/Annots[4 0 R]")


def texts(content: str) -> bytes:
    return pdf(stream(f"BT /F1 12 Tf {content} ET", packed=True), page="/Contents 4 0 R")


def numbered(content: str, table: str | None = None, kind: str = "Type0") -> bytes:
    """A page in a font whose letters are numbers, which a table explains or nothing does."""
    told = "/ToUnicode 6 0 R" if table is not None else ""
    font = f"<</Type/Font/Subtype/{kind}{told}>>"
    page = "/Contents 4 0 R/Resources<</Font<</F1 5 0 R>> >>"
    return pdf(stream(f"BT /F1 9 Tf {content} ET"), font, stream(table or "", packed=True), page=page)


def digits(text: str, shift: int = 3, width: int = 4) -> str:
    return "".join(f"{ord(letter) - shift:0{width}X}" for letter in text)


SHIFTED = "1 beginbfrange\n<001D> <0077> <0020>\nendbfrange"
ONE_BY_ONE = "100 beginbfchar" + "".join(f"<{n - 3:04x}><{n:04X}>\n" for n in range(32, 127)) + "endbfchar"
LISTED = "1 beginbfrange <001d> <0077> [" + "".join(f"<{n:04x}> " for n in range(32, 123)) + "] endbfrange"


class TestLeading:
    @pytest.mark.parametrize(
        "content",
        [
            numbered(f"<{digits(EVIL)}> Tj", SHIFTED),
            numbered(f"<{digits(EVIL)}> Tj", ONE_BY_ONE),
            numbered(f"[<{digits(EVIL[:5])}> -3 <{digits(EVIL[5:])}>] TJ", LISTED),
            numbered("(" + "".join(f"\\000\\{ord(one) - 3:03o}" for one in EVIL) + ") Tj", SHIFTED),
            numbered(f"<{digits(EVIL, width=2)}> Tj", SHIFTED, "TrueType"),
            numbered(f"<{digits(EVIL, shift=0, width=2)}> Tj", None, "TrueType"),
        ],
    )
    def test_by_letters_that_a_table_explains(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "table", ["", "beginbfrange <0000> <ffffffff> <0020>", 9_000 * "1 beginbfrange <0> <ffff> <0020> endbfrange "]
    )
    def test_a_table_that_explains_nothing_or_too_much_is_no_harm(self, table: str) -> None:
        assert "links" not in found(mixed(part(numbered("<0041> Tj", table), "a.pdf")), links=["evil.example"])

    @pytest.mark.parametrize(
        "content",
        [
            noted(f"/S/GoToR/F({EVIL})"),
            noted(f"/S/GoToR/F<</FS/URL/F({EVIL})>>"),
            noted(f"/S/SubmitForm/F<</FS/URL/F({EVIL})>>"),
            noted(f"/S/ImportData/F({EVIL})"),
            noted(f"/#53/URI/U#52I({EVIL})"),
            noted(f"/S/URI/URI<FEFF{EVIL.encode('utf-16-be').hex()}>"),
            pdf(page=f"/AA<</O<</S/URI/URI({EVIL})>> >>"),
            pdf(stream(f'<template><submit target="{EVIL}"/></template>'), catalog="/AcroForm<</XFA 4 0 R>>"),
            pdf(stream(f"<submit target='{EVIL}'/>"), catalog="/AcroForm<</XFA[(template) 4 0 R]>>"),
        ],
    )
    def test_by_actions_and_forms(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), links=["evil.example"]) == {"links"}
        assert found(mixed(part(content, "a.pdf")), links=["xfa.org"], attachments=["script"]) == set()

    def test_in_objects_that_are_packed_together(self) -> None:
        assert found(mixed(part(packed_objects(), "a.pdf")), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "content",
        [
            texts(f"(Go to {EVIL} now) Tj"),
            texts("[(htt)-3(ps://e)12(vil.example)]TJ"),
            texts("(Go to) Tj 0 -14 Td (https://evil.example/in) Tj"),
            texts("[(Go)-280(to)-280(https:\\\\/evil.example)]TJ"),
            texts("(https://evil.example) '"),
            pdf(stream("BT (x ) Tj"), stream(f"({EVIL}) Tj ET"), page="/Contents[4 0 R 5 0 R]"),
        ],
    )
    def test_by_their_text_as_viewers_make_links_of_it(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "content",
        [
            texts("(an evil.example of https) Tj"),
            texts("(https:) Tj 0 -14 Td (evil.example) Tj"),
            texts("% https://evil.example\n"),
            pdf(stream("<template xmlns='https://evil.example/'/>"), catalog="/AcroForm<</XFA 4 0 R>>"),
        ],
    )
    def test_what_is_no_link_of_it(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), links=["evil.example"]) == set()

    @pytest.mark.parametrize(
        "content",
        [
            numbered("<00480056> Tj"),
            numbered("[<0048>-3<0056>]TJ"),
            numbered("(\\0H) Tj"),
            texts("(x) Tj" + 60_000 * " 0 0 m"),
            document(
                CATALOG.format(""),
                f"<</Type/Pages/Count 21/Kids[{21 * '3 0 R '}]>>",
                "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>",
                stream("(x) Tj"),
            ),
        ],
    )
    def test_a_text_that_cannot_be_read_is_said_where_links_are_asked_for(self, content: bytes) -> None:
        message = mixed(part(content, "a.pdf"))
        assert found(message, links=["evil.example"]) == {"incomplete"}
        assert found(message, misleading_links=True, attachments=["script"]) >= {"incomplete"}
        assert found(message, attachments=["script"], words=["x"]) == set()

    def test_a_picture_in_a_page_is_no_text(self) -> None:
        inline = texts("BI /W 1 ID <00> EI (a page) Tj")
        assert found(mixed(part(inline, "a.pdf")), links=["evil.example"]) == set()


class TestHolding:
    FILE = "<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>> >>"

    @pytest.mark.parametrize(
        "content",
        [
            pdf(FILE, PROGRAM, catalog="/AF[4 0 R]"),
            pdf(FILE, PROGRAM, page="/AF[4 0 R]"),
            pdf("<</Subtype/Stamp/AF[6 0 R]>>", PROGRAM, FILE, page="/Annots[4 0 R]"),
            pdf(f"<</Subtype/FileAttachment/FS {FILE}>>", PROGRAM, page="/Annots[4 0 R]"),
            pdf(
                "<</Subtype/RichMedia/RichMediaContent<</Assets<</Names[(a) 6 0 R]>> >> >>",
                PROGRAM,
                FILE,
                page="/Annots[4 0 R]",
            ),
        ],
    )
    def test_files_that_belong_to_a_part(self, content: bytes) -> None:
        assert found(mixed(part(content, "a.pdf")), attachments=["executable"]) == {"attachments"}


def packed_objects() -> bytes:
    """A PDF whose link stands in a stream of objects (ISO 32000-1, 7.5.7)."""
    held = f"4 0 <</Subtype/Link/A<</S/URI/URI({EVIL})>> >>"
    whole = stream(held, packed=True).replace("<<", "<</Type/ObjStm/N 1/First 4", 1)
    objects = [CATALOG.format(""), PAGES, "<</Type/Page/Parent 2 0 R/Annots[4 0 R]>>", whole]
    content, rows = b"%PDF-1.7\n", [b"\0" * 6]
    for number, one in zip((1, 2, 3, 5), objects, strict=True):
        rows += [b"\2\0\0\0\5\0"] if number == 5 else []
        rows.append(b"\1" + len(content).to_bytes(4, "big") + b"\0")
        content += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = stream(b"".join(rows).decode("latin-1")).replace("<<", "<</Type/XRef/Size 6/W[1 4 1]/Root 1 0 R", 1)
    return content + f"6 0 obj\n{table}\nendobj\nstartxref\n{len(content)}\n%%EOF".encode("latin-1")
