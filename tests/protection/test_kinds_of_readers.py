# ruff: noqa: RUF001 - letters that look alike are what this is about
"""More kinds of what strangers write, one table a reader: styles, names, addresses, calendars, charsets, files."""

import base64

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.impersonation import known
from shared.protection.inspection.inspect import judge
from tests.harness.mail import found, head, mail, mixed, page, part, zipped

PEOPLE = known(
    receiver="",
    domains=["contoso.com"],
    people=[
        ("Søren Ångström", ["s@contoso.com"]),
        ("Anne-Marie O'Neil", ["a@contoso.com"]),
        ("김철수", ["k@contoso.com"]),
        ("王小明", ["w@contoso.com"]),
        ("van der Berg, Piet", ["p@contoso.com"]),
        ("Jane Doe", ["j@contoso.com"]),
    ],
)
BINARY = b"\x01\x02\xff\xfe\x00\x99"


class TestStyles:
    @pytest.mark.parametrize(
        "element",
        [
            *(f"span style='font-size:{one}'" for one in (".1px", "0.5pt", "1%", ".01em", "0.1rem")),
            *(f"span style='opacity:{one}'" for one in ("0", ".01", "0.05")),
            *(
                f"span style='color:{one}'"
                for one in ("#fff", "#FEFEFE", "white", "rgb(255, 255, 255)", "#fff!important")
            ),
            *(f"span style='color:{one}'" for one in ("rgba(0,0,0,0)", "rgb(0 0 0 / 0%)", "#00000000", "#0000")),
            "font color=white",
            "font color='#fffffe'",
            "span style='color:#123;background:#112233'",
            "span style='clip-path:polygon(0 0,0 0)'",
            "span style='filter:opacity(0)'",
        ],
    )
    def test_letters_that_nobody_sees_split_no_word(self, element: str) -> None:
        assert found(page(f"<p>inv<{element}>x</{element.split(maxsplit=1)[0]}>oice"), words=["invoice"]) == {"words"}

    @pytest.mark.parametrize("ground", ["bgcolor='#123456'", "style='background:#123456'"])
    def test_nor_do_those_in_the_colour_of_a_cell(self, ground: str) -> None:
        content = f"<table><tr><td {ground}><p>inv<font color='#123456'>x</font>oice</table>"
        assert found(page(content), words=["invoice"]) == {"words"}

    @pytest.mark.parametrize(
        "content",
        [
            "<p>inv<span style='color:#333'>x</span>oice",
            "<p>inv<span style='color:rgb(0,0,0)'>x</span>oice",
            "<p>inv<span style='opacity:0.5;font-size:90%'>x</span>oice",
            "<div style='background:#000'><p>inv<span style='color:#fff'>x</span>oice</div>",
            "<div bgcolor=navy><p>inv<font color=white>x</font>oice</div>",
            "<div style='background:url(a.png)'>inv<font color=white>x</font>oice</div>",
            "<div style='color:#fff'>inv<b style='color:#333'>x</b>oice</div>",
        ],
    )
    def test_letters_that_are_seen_do(self, content: str) -> None:
        assert found(page(content), words=["invoice"]) == set()

    def test_what_is_white_on_another_colour_is_read(self) -> None:
        content = "<td bgcolor='#0a0'><a style='color:#fff' href='https://evil.example/'>https://good.example/</a></td>"
        assert found(page(f"<table>{content}</table>"), misleading_links=True, words=["good"]) == {
            "misleading_links",
            "words",
        }


class TestPeople:
    @pytest.mark.parametrize(
        "name",
        [
            *("Soeren Aangstroem", "Sören Ångström", "Anne-Marie ONeil", "Anne-Marie O’Neil", "Annemarie O'Neil"),
            *("O'Neil Anne Marie", "A. Marie O'Neil", "김 철수", "철수 김", "王 小明", "小明 王"),
            *(
                "Piet van der Berg",
                "P. van der Berg",
                "J4ne D0e",
                "Jane Doe on behalf of Contoso",
                "jane @ contoso.com",
            ),
            *("jane (at) contoso.com", "jane [at] contoso.com"),
        ],
    )
    def test_names_near_a_users(self, name: str) -> None:
        (one,) = judge([("From", f'"{name}" <x@evil.example>')], Conditions(impersonation=True), PEOPLE)
        assert one.kind == "impersonation"

    @pytest.mark.parametrize(
        "name",
        [
            *("Anne-Marie Neil", "Anne O'Brien", "Marie Neil", "김철", "김수철", "王明", "van der Berg", "Jean Doe"),
            *("Piet Berg", "Look at contoso.com", "Ann Doe", "4 Jane", "Berg der Van GmbH"),
        ],
    )
    def test_names_of_others(self, name: str) -> None:
        assert judge([("From", f'"{name}" <x@evil.example>')], Conditions(impersonation=True), PEOPLE) == ()

    @pytest.mark.parametrize("sender", ['A <"x@evil.example">', "A <'x@evil.example'>", 'A <"x"@evil.example>'])
    def test_quotation_marks_around_an_address(self, sender: str) -> None:
        assert found(mail(From=sender), senders=["x@evil.example"]) == {"senders"}


class TestLinks:
    @pytest.mark.parametrize(
        "href",
        [
            r"search-ms:query=x&crumb=location:\\evil.example@SSL\DavWWWRoot",
            r"\\evil.example@SSL@8443\share",
            r"\\evil.example@80\share",
            "file://evil.example@SSL/share",
        ],
    )
    def test_to_a_share_through_the_web(self, href: str) -> None:
        assert found(page(f"<a href='{href}'>x</a>"), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "line",
        [
            "LOCATION:evil.example/x",
            "URL:evil.example",
            "item1.URL;type=pref:evil.example",
            'DESCRIPTION;ALTREP="https://good.example/":evil.example/x',
            'DESCRIPTION;ALTREP="https://evil.example/":x',
        ],
    )
    def test_in_calendars_and_cards(self, line: str) -> None:
        content = f"BEGIN:VCALENDAR\r\n{line}\r\nEND:VCALENDAR\r\n".encode()
        assert found(mixed(part(content, "a.ics")), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize("line", ["ORGANIZER:mailto:a@evil.example", "UID:evil.example", "PRODID:evil.example"])
    def test_but_not_in_what_nobody_sees_of_them(self, line: str) -> None:
        content = f"BEGIN:VCALENDAR\r\n{line}\r\nEND:VCALENDAR\r\n".encode()
        assert found(mixed(part(content, "a.ics")), links=["evil.example"]) == set()

    def test_a_page_in_a_calendar_is_read_as_one(self) -> None:
        content = b"BEGIN:VCALENDAR\r\nX-ALT-DESC;FMTTYPE=text/html:<b>inv</b>oice\r\nEND:VCALENDAR\r\n"
        assert found(mixed(part(content, "a.ics")), words=["invoice"]) == {"words"}

    @pytest.mark.parametrize("kind", ['"text/html"', "text / html", "text/ html", "'text/html'; charset=utf-8"])
    def test_a_type_with_spaces_or_quotation_marks(self, kind: str) -> None:
        assert found(mail("<a href='//evil.example/'>x</a>", kind=kind), links=["evil.example"]) == {"links"}


class TestCharsets:
    @pytest.mark.parametrize(
        ("charset", "codec", "word"),
        [
            ("x-mac-japanese", "cp932", "請求書"),
            ("x-mac-korean", "cp949", "청구서"),
            ("x-mac-chinesesimp", "gbk", "发票"),
            ("x-mac-chinesetrad", "big5", "發票"),
            ("cp10006", "mac-greek", "τιμολόγιο"),
            ("iso-ir-165", "gbk", "发票"),
            ("gb18030-2022", "gb18030", "发票"),
            ("iso-10646-ucs-4", "utf-32-be", "größe"),
            ("x-mac-icelandic", "mac-iceland", "größe"),
        ],
    )
    def test_by_the_names_of_older_programs(self, charset: str, codec: str, word: str) -> None:
        body = base64.encodebytes(word.encode(codec))
        message = mail(body, kind=f"text/plain; charset={charset}", Content_Transfer_Encoding="base64")
        assert found(message, words=[word]) == {"words"}


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("a.vsto", BINARY, "script"),
            ("a.lua", b"x=1", "script"),
            ("a.contact", b"<c:contact/>", "shortcut"),
            ("a.appcontent-ms", b"<x/>", "shortcut"),
            ("a.pbk", b"[x]", "shortcut"),
            ("a.dat", b"[.ShellClassInfo]\r\nIconFile=x", "shortcut"),
            ("a.dat", b"!<arch>\n" + BINARY, "archive"),
            ("a.dat", b"SIT!" + BINARY, "archive"),
            ("a.dat", b"StuffIt (c)1997" + BINARY, "archive"),
            ("a.dat", b"ALZ\x01" + BINARY, "archive"),
            ("a.dat", b"EGGA" + BINARY, "archive"),
        ],
    )
    def test_by_name_or_beginning(self, name: str, content: bytes, kind: str) -> None:
        assert found(mixed(part(content, name)), attachments=[kind]) >= {"attachments"}

    def test_macros_by_the_list_of_a_documents_parts(self) -> None:
        for kind in ("application/vnd.ms-office.vbaProject", "application/vnd.ms-excel.intlmacrosheet+xml"):
            for charset in ("utf-8", "utf-16"):
                types = f'<Override ContentType="{kind}"/>'.encode(charset)
                content = zipped([("[Content_Types].xml", types), ("word/x.bin", b"x")])
                assert found(mixed(part(content, "a.docx")), attachments=["macro"]) == {"attachments"}

    def test_an_older_packed_file(self) -> None:
        import lzma

        packed = lzma.compress(b"MZ\x90\0" + BINARY, format=lzma.FORMAT_ALONE)
        assert found(mixed(part(packed, "a.lzma")), attachments=["executable"]) == {"attachments"}

    def test_a_name_that_ends_early(self) -> None:
        headers = {"Content-Disposition": "attachment; filename*=utf-8''a.js%00.txt"}
        assert found(mixed(head(headers) + b"x=1"), attachments=["script"]) == {"attachments"}

    @pytest.mark.parametrize("text", [b"BZh is short", b"StuffIt was good", b"SIT! Stay!", b"[Shell] started\r\n"])
    def test_a_text_is_none_of_them(self, text: bytes) -> None:
        asked = ["archive", "shortcut", "disguised", "script"]
        assert found(mixed(part(text, "a.txt", "text/plain")), attachments=asked) == set()


PROFILE = b"<?xml version='1.0'?><!DOCTYPE plist SYSTEM 'x'><plist><dict><key>PayloadContent</key>"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PROFILE, "shortcut"),
        (b"<?xml version='1.0'?><AppInstaller Uri='https://x.example/'/>", "shortcut"),
        (zipped([("AppxManifest.xml", b"<Package/>"), ("a.bin", b"x")]), "executable"),
        (zipped([("AppxMetadata/AppxBundleManifest.xml", b"<Bundle/>")]), "executable"),
        (b"\0" * 512 + b"EFI PART" + b"\0" * 512, "disk-image"),
    ],
    ids=["a profile", "an installer's address", "a package", "a bundle", "a disk"],
)
def test_what_is_known_by_its_content_under_any_name(content: bytes, kind: str) -> None:
    assert found(mixed(part(content, "a.dat")), attachments=[kind]) == {"attachments"}


def test_a_list_of_properties_is_no_profile() -> None:
    assert (
        found(mixed(part(b"<?xml version='1.0'?><plist><dict/></plist>", "a.xml")), attachments=["shortcut"]) == set()
    )
