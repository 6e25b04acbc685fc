"""Mail as strangers write it, kind by kind: what people see or can click is found, and what they do not is not."""

import base64

import pytest

from tests.harness.mail import found, mail, mixed, page, part

LINK = '<p><a href="https://evil.example/in">Open</a></p>'
NOTHING = "\u200b"


def anchor(href: str, shown: str) -> bytes:
    return page(f'<a href="{href}">{shown}</a>')


class TestPages:
    @pytest.mark.parametrize(
        "content",
        [
            # Where tags are text.
            f"<noembed><style></noembed>{LINK}",
            f"<textarea><!--</textarea>{LINK}",
            f"<title><!--</title>{LINK}",
            f"<script><!--</script>{LINK}",
            # Where a comment or a style ends.
            f"<!-- a --!>{LINK}",
            f"<!-- <!-- -->{LINK}",
            f"</ style>{LINK}",
            f"<?xml <style> ?>{LINK}",
            f"<style>a{{}}</style x='>'>{LINK}",
            "<svg><style><a href='https://evil.example/'>x</a></style></svg>",
            # Attributes and addresses.
            "<a/href='https://evil.example'>x</a>",
            "<a title='x'href=https&#58//evil&#46example/>x</a>",
            "<a href='https://ev\nil.exa\tmple/'>x</a>",
            "<base href='https://evil.example/'><a href=''>x</a>",
            "<base href='https://evil.example/'><base href='https://good.example/'><a href='in'>x</a>",
            "<a href='https://good.example/'><a href='https://evil.example/'>x</a></a>",
            # By itself, or by a button.
            "<meta http-equiv=refresh content='0, https://evil.example/'>",
            "<meta http-equiv=refresh content='.5; URL = \"https://evil.example/\"x'>",
            "<form><input type=image formaction='https://evil.example/'></form>",
            "<a href='intent://evil.example/#Intent;scheme=https;end'>x</a>",
            "<math><mtext href='https://evil.example/'>x</mtext></math>",
            "<!--[if (gte mso 9)|(IE)]><v:rect href='https://evil.example/'></v:rect><![endif]-->",
            f"<![if mso]>{LINK}<![endif]>",
        ],
    )
    def test_where_they_lead(self, content: str) -> None:
        assert found(page(content), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "content",
        [
            f"<!-- {LINK}",
            f"<style>{LINK}</styles>",
            f"<script><!--<script></script>{LINK}</script>",
            f"<template>{LINK}</template>",
            f"<!--[if !(mso)]>{LINK}<![endif]-->",
            f"<title>{LINK}</title>",
            f"<textarea>{LINK}</textarea>",
            "<a href='https://good.example/' href='https://evil.example/'>x</a>",
            "<base href='https://good.example/'><base href='https://evil.example/'><a href='in'>x</a>",
            "<meta http-equiv=refresh content='url=https://evil.example/'>",
            "<meta name=refresh content='0;url=https://evil.example/'>",
            "<img src='https://evil.example/a.png' alt='https://evil.example/'>",
        ],
    )
    def test_where_they_do_not(self, content: str) -> None:
        assert found(page(content), links=["evil.example"]) == set()

    @pytest.mark.parametrize(
        "hidden",
        [
            *("&ZeroWidthSpace;", "&NoBreak;", "&#xFEFF;", "&shy", "&InvisibleTimes;", "&#847;", "&#XE0061;", "<wbr>"),
            *("<!-- x -->", "<style>x</style>", "<x></x>"),
            "<span style='display:/**/none'>xyz</span>",
            "<span style='display:n\\6fne'>xyz</span>",
            "<span style='mso-hide:all'>xyz</span>",
            "<span style='font:0/0 a'>xyz</span>",
            "<span style='font-size:1px'>xyz</span>",
            "<span style='color:transparent'>xyz</span>",
            "<span style='position:absolute;left:-9999px'>xyz</span>",
            "<span style='display:inline-block;width:0;overflow:hidden'>xyz</span>",
            "<style>/* x */ u { visibility: hidden }</style><u>xyz</u>",
            "<style>@media screen{.a,p .h{display:none!important}}</style><b class='x h'>xyz</b>",
        ],
    )
    def test_what_cannot_be_seen_does_not_split_a_word(self, hidden: str) -> None:
        assert found(page(f"<p>inv{hidden}oice</p>"), words=["invoice"]) == {"words"}

    @pytest.mark.parametrize("between", ["&nbsp;", "<br>", "<td>", "<div>", "\n", "<hr>"])
    def test_what_can_does(self, between: str) -> None:
        assert found(page(f"<table><tr><td>inv{between}oice</table>"), words=["invoice"]) == set()

    @pytest.mark.parametrize(
        "content",
        [
            "<title>invoice</title>",
            "<textarea>invoice</textarea>",
            "<input placeholder='invoice'>",
            "<input type=submit value='Pay the invoice'>",
            "<img alt=invoice>",
            "<ruby>invoice<rt>x</rt></ruby>",
            "<svg><text>invoice</text></svg>",
            "<!--[if mso]><v:textbox><center>invoice</center></v:textbox><![endif]-->",
        ],
    )
    def test_where_words_are_shown(self, content: str) -> None:
        assert found(page(content), words=["invoice"]) == {"words"}


class TestLinks:
    @pytest.mark.parametrize(
        "text",
        [
            *(
                "http://evil.example\u2014next",
                "_http://evil.example_",
                "http://evil.example\u060c",
                "http://evil.example&x",
            ),
            *("\u0e14\u0e39http://evil.example\u0e19\u0e30", "\U0001f449http://evil.example\U0001f448"),
            *(
                "\u2192http://evil.example\u2190",
                "http://evil.example\u0964",
                "{http://evil.example}",
                "a,http://evil.example",
            ),
            *(
                "[1]: http://evil.example",
                "[Open](http://evil.example)",
                "\uff1aevil.example\u3002",
                "HTTP://EVIL.EXAMPLE",
            ),
        ],
    )
    def test_in_plain_text(self, text: str) -> None:
        assert found(mail(text), links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "text",
        ["http://evil.example.good.example/", "http://my-evil.example", "xmpp:a@evil.example", "notevil.example"],
    )
    def test_to_others(self, text: str) -> None:
        assert found(mail(text), links=["evil.example"]) == set()

    @pytest.mark.parametrize(
        "shown",
        [
            *("&emsp;good.example&emsp;", "~ good.example ~", "\u27a4 good.example", "&lt;https://good.example&gt;"),
            *("<b>good</b>.example", "go<i style='display:none'>x</i>od.example", "www.good.example, now", "10.0.0.1"),
        ],
    )
    def test_that_mislead(self, shown: str) -> None:
        assert found(anchor("https://other.example/", shown), misleading_links=True) == {"misleading_links"}

    @pytest.mark.parametrize(
        "shown",
        [
            *(
                "Main.java",
                "flyer.pub",
                "notes.one",
                "letter.dot",
                "app.map",
                "logo.ai.pdf",
                "v1.2.3",
                "Nr.5",
                "12.05.2024",
            ),
            *(
                "jane@good.example",
                "St.Gallen",
                ".NET",
                "e.g.",
                "Offer final.docx",
                "Vue.js",
                "clip.mov",
                "archive.zip",
            ),
        ],
    )
    def test_that_show_a_file_or_a_name(self, shown: str) -> None:
        assert found(anchor("https://drive.example/1", shown), misleading_links=True) == set()

    @pytest.mark.parametrize(
        "href",
        [
            "https://urldefense.com/v3/__https://good.example/?a=*b&c=d__;Iw!!abc",
            "https://urldefense.us/v2/url?u=https-3A__good.example&d=1",
            "https://url.avanan.click/v2/___https://good.example/a?b=c#d___.YXA",
            "https://gcc02.safelinks.protection.outlook.com/GetUrlReputation?url=https%3A%2F%2Fgood.example",
        ],
    )
    def test_that_are_rewritten(self, href: str) -> None:
        assert found(anchor(href.replace("&", "&amp;"), "good.example"), misleading_links=True) == set()
        assert found(anchor(href, "other.example"), misleading_links=True) == {"misleading_links"}
        assert found(anchor(href, "Open"), links=["good.example"]) == {"links"}


class TestSenders:
    @pytest.mark.parametrize(
        "sender",
        [
            "Team [office@good.example] <x@evil.example>",
            "<office@good.example> <x@evil.example>",
            "(a (b) c) x@(d)evil.example",
            "Team: a@good.example, x@evil.example;",
            "<@good.example:x@evil.example>",
            '"a@good.example"@evil.example',
            f"Office <x@ev{NOTHING}il\u3002example>",
        ],
    )
    def test_addresses(self, sender: str) -> None:
        assert found(mail(From=sender), senders=["evil.example"]) == {"senders"}

    def test_an_old_form_of_a_header_is_one(self) -> None:
        old = mail("Pay the invoice", From="A <x@evil.example>").replace(b"From:", b"From :")
        assert found(old, senders=["evil.example"], words=["invoice"]) == {"senders", "words"}

    @pytest.mark.parametrize(
        "sender", ["a@good.example (x@evil.example)", "x%evil.example@good.example", "a@notevil.example"]
    )
    def test_other_addresses(self, sender: str) -> None:
        assert found(mail(From=sender), senders=["evil.example"]) == set()

    @pytest.mark.parametrize(
        "name",
        [
            *("JaneDoe", "Jane\u3164Doe", "Jane\u2800Doe", "Jane Doe @ Contoso", '"Jane Doe, Contoso Ltd"', "Jane_Doe"),
            *(
                "\u1d0a\u1d00\u0274\u1d07 \u1d05\u1d0f\u1d07",
                "\U0001d409\U0001d41a\U0001d427\U0001d41e Doe",
                "J\u0332ane Doe",
            ),
            *(
                "J a n e D o e",
                "Jane Doe\u2122",
                "Jane Doe III",
                "\U0001f179\U0001f170\U0001f17d\U0001f174 Doe",
                "[EXTERNAL] Jane Doe",
                "Jane D0e",
                "Doe, Jane",
                "J. Doe",
                "\u202eeoD enaJ",
                f"{NOTHING * 900}Jane Doe",
            ),
        ],
    )
    def test_names_near_a_users(self, name: str) -> None:
        assert found(mail(From=f"{name} <x@evil.example>"), impersonation=True) == {"impersonation"}

    @pytest.mark.parametrize("name", ["Janet Doe", "Jane", "Doe & Sons, Office", "John Doe", "Jane Dorian", "JD"])
    def test_names_of_others(self, name: str) -> None:
        assert found(mail(From=f'"{name}" <x@evil.example>'), impersonation=True) == set()


class TestCharsets:
    @pytest.mark.parametrize(
        ("charset", "codec", "word"),
        [
            *(
                ("tis-620", "cp874", "\u0e43\u0e1a\u0e41\u0e08"),
                ("ms932", "cp932", "\u9ad9\u6a4b"),
                ("x-gbk", "gbk", "\u9555"),
            ),
            *(
                ("cp20866", "koi8-r", "\u0441\u0447\u0435\u0442"),
                ("big-5", "big5", "\u767c\u7968"),
                ("gb-2312", "gbk", "\u9555"),
            ),
            *(("iso-2022-jp-ms", "iso2022_jp", "\u8acb\u6c42\u66f8"), ("cp51932", "euc_jp", "\u8acb\u6c42\u66f8")),
            *(
                ("x-unicode-2-0-utf-7", "utf-7", "fa\xe7ade"),
                ("utf-32", "utf-32", "fa\xe7ade"),
                ("cp28592", "latin2", "\u0142\xf3d\u017a"),
            ),
            *(
                ("iso-10646-ucs-2", "utf-16-le", "fa\xe7ade"),
                ("cp10000", "mac-roman", "fa\xe7ade"),
                ("cp65001", "utf-8", "fa\xe7ade"),
            ),
            *(
                ("_iso-2022-jp$ESC", "iso2022_jp", "\u8acb\u6c42\u66f8"),
                ("visual", "iso8859-8", "\u05d7\u05e9\u05d1\u05d5\u05df"),
            ),
        ],
    )
    def test_by_any_name(self, charset: str, codec: str, word: str) -> None:
        body = base64.encodebytes(word.encode(codec))
        message = mail(body, kind=f"text/plain; charset={charset}", Content_Transfer_Encoding="base64")
        assert found(message, words=[word]) == {"words"}
        assert found(mixed(part(word.encode(codec), "a.txt", f"text/plain; charset={charset}")), words=[word]) == {
            "words"
        }
