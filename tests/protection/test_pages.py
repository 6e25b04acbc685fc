"""Pages are read as browsers build them: what is shown, and where a click leads."""

import pytest

from tests.harness.mail import found, mail, mixed, page, part

LINK = '<p><a href="https://evil.example/in">Open</a></p>'


class TestTree:
    @pytest.mark.parametrize(
        "content",
        [
            # Raw text: what begins in it does not begin (HTML standard, 13.2.6.4).
            f"<noframes><style></noframes>{LINK}",
            f"<iframe><script></iframe>{LINK}",
            f"<noembed><!-- </noembed>{LINK}",
            f"<xmp><style></xmp>{LINK}",
            f"<title>a <script></title>{LINK}",
            f"<textarea><style></textarea>{LINK}",
            f"<textarea><!-- </textarea>{LINK}",
            # Comments that end earlier than they look.
            f"<!-->{LINK}<!-- -->",
            f"<!--->{LINK}<!-- -->",
            f"<!-- --!>{LINK}<!-- -->",
            f"<!--x--!>{LINK}-->",
            f"<!x>{LINK}",
            f"<?php {'>'}{LINK}",
            f"</ x>{LINK}",
            f"<![CDATA[>{LINK}]]>",
            # End tags with something in them.
            f"<style>p{{}}</style x>{LINK}",
            f"<style>p{{}}</style/>{LINK}",
            f"<STYLE>p{{}}</StYlE\n>{LINK}",
            f"<script>x</script\t>{LINK}",
            # Attributes.
            '<a href="https://evil.example/" href="https://good.example/">x</a>',
            "<a href=https://evil.example/ HREF=https://good.example/>x</a>",
            '<a/href="https://evil.example/">x</a>',
            '<a title="x"href="https://evil.example/">x</a>',
            "<a href=\n'https://evil.example/'>x</a>",
            '<a href="https&colon;//evil.example/">x</a>',
            '<a href="https://evil&period;example/">x</a>',
            '<a href="&#x68;ttps://evil.example/">x</a>',
            '<a href="  https://evil.ex\nample/ ">x</a>',
            '<A\x0cHREF="https://evil.example/">x',
            # Elements in each other.
            f"<table>{LINK}<tr><td></table>",
            f"<select><option>{LINK}</select>{LINK}",
            f"<svg><title>{LINK}</svg>",
            f"<math><mtext>{LINK}</math>",
            f"<noscript>{LINK}</noscript>",
            f"<p hidden>x</p>{LINK}",
            f"<object>{LINK}</object>",
        ],
    )
    def test_a_link_that_a_browser_shows_is_there(self, content: str) -> None:
        assert found(page(content), links=["evil.example"]) == {"links"}
        assert found(page(content), links=["other.example"]) == set()

    @pytest.mark.parametrize(
        "content",
        [
            f"<!-- {LINK} -->",
            f"<style>{LINK}</style>",
            f"<script>{LINK}</script>",
            f"<template>{LINK}</template>",
            f"<textarea>{LINK.replace('evil.example', 'x')}</textarea>",
            f"<xmp>{LINK.replace('//evil.example', 'x')}</xmp>",
            '<a href="https://good.example/" href="https://evil.example/">x</a>',
            '<link rel="stylesheet" href="https://evil.example/a.css">',
            '<img src="https://evil.example/a.png">',
            '<!--[if !mso]><a href="https://evil.example/">x</a><![endif]-->',
            '<p title="https://evil.example/">x</p>',
        ],
    )
    def test_a_link_that_no_click_opens_is_not(self, content: str) -> None:
        assert found(page(content), links=["evil.example"]) == set()


class TestLeading:
    @pytest.mark.parametrize(
        "content",
        [
            '<base href="https://evil.example/a/"><a href="in">x</a>',
            '<base href="https://evil.example/"><base href="https://good.example/"><a href="/in">x</a>',
            '<base href="https://evil.example/"><form action="in"></form>',
            '<map><area href="https://evil.example/"></map>',
            '<form action="https://evil.example/"><button>x</button></form>',
            '<form><button formaction="https://evil.example/">x</button></form>',
            '<form><input type="image" formaction="https://evil.example/"></form>',
            '<svg><a xlink:href="https://evil.example/"><text>x</text></a></svg>',
            '<svg><a href="https://evil.example/"><text>x</text></a></svg>',
            '<svg><a><animate attributeName="href" to="https://evil.example/"/></a></svg>',
            '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
            '<meta http-equiv="refresh" content="0; url = https://evil.example/">',
            '<meta http-equiv="refresh" content="0;https://evil.example/">',
            '<meta http-equiv="Refresh" content="0, \'https://evil.example/\'">',
            '<meta http-equiv="refresh" content="1.5;URL=&quot;https://evil.example/&quot;x">',
            '<iframe src="https://evil.example/"></iframe>',
            '<iframe srcdoc="&lt;a href=https://evil.example/&gt;x&lt;/a&gt;"></iframe>',
            '<object data="https://evil.example/"></object>',
            '<embed src="//evil.example/">',
            '<!--[if mso]><v:roundrect href="https://evil.example/in"><center>Open</center></v:roundrect><![endif]-->',
            '<!--[if gte mso 9]><a href="https://evil.example/">x</a><![endif]-->',
            '<!--[if (mso)|(IE)]><table><tr><td><a href="https://evil.example/">x</a><![endif]-->',
            '<![if !mso]><a href="https://evil.example/">x</a><![endif]>',
            '<a href="microsoft-edge:https://evil.example/">x</a>',
            '<a href="ms-word:ofe|u|https://evil.example/a.docx">x</a>',
            '<a href="file://evil.example/share/a.lnk">x</a>',
            '<a href="\\\\evil.example\\share">x</a>',
        ],
    )
    def test_every_way_that_a_page_leads_somewhere(self, content: str) -> None:
        assert found(page(content), links=["evil.example"]) == {"links"}

    def test_an_absolute_link_does_not_go_by_the_base(self) -> None:
        content = '<base href="https://good.example/"><a href="https://evil.example/">x</a>'
        assert found(page(content), links=["evil.example"]) == {"links"}
        content = '<base href="https://good.example/"><a href="evil.example">x</a>'
        assert found(page(content), links=["evil.example"]) == set()

    @pytest.mark.parametrize(
        ("content", "name", "kind"),
        [
            ('<a href="https://evil.example/">x</a>', "a.html", "application/octet-stream"),
            ('<a href="https://evil.example/">x</a>', "a.shtml", "text/plain"),
            ('<html><a href="https://evil.example/">x</a>', "a.bin", "application/octet-stream"),
            ('<a href="https://evil.example/">x</a>', "", "application/xhtml+xml"),
            ('<svg><a xlink:href="https://evil.example/"><text>x</text></a></svg>', "a.svg", "image/svg+xml"),
            ('<svg><a href="https://evil.example/"><text>x</text></a></svg>', "a.dat", "application/octet-stream"),
            ('<html>\0<a href="https://evil.example/">x</a>', "a.html", "application/octet-stream"),
            ("<html><script>location = 'https://evil.example/'</script>", "a.html", "text/html"),
            ("<html><body onload=\"location.href='https://evil.example/'\">", "a.html", "text/html"),
            ("<svg><script>open('https://evil.example/')</script></svg>", "a.svg", "image/svg+xml"),
        ],
    )
    def test_pages_and_drawings_that_are_attached(self, content: str, name: str, kind: str) -> None:
        assert found(mixed(part(content.encode(), name, kind)), links=["evil.example"]) == {"links"}

    def test_a_page_in_wide_letters_is_read(self) -> None:
        content = '<html><a href="https://evil.example/">x</a>'
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            attached = mixed(part(content.encode(encoding), "a.html"))
            assert found(attached, links=["evil.example"]) == {"links"}
            assert found(attached, attachments=["html"]) == {"attachments"}


class TestText:
    @pytest.mark.parametrize(
        "content",
        [
            "in&#8203;voice",
            "in&ZeroWidthSpace;voice",
            "in&shy;voice",
            "in&#xFEFF;voice",
            "in&zwnj;voice",
            "in&NoBreak;voice",
            "in&#847;voice",
            "in\u2062voice",
            "in<wbr>voice",
            "in<b></b>voice",
            "in<!-- x -->voice",
            '<font color="red">in</font>voice',
            'inv<span style="display: none; font-size:0">q7x</span>oice',
            'inv<span style="DISPLAY:none">q7x</span>oice',
            "inv<span hidden>q7x</span>oice",
            'inv<span style="font-size:0px">q7x</span>oice',
            'inv<span style="visibility:hidden">q7x</span>oice',
            'inv<span style="opacity:0;">q7x</span>oice',
            "<style>.q{display:none}</style>inv<span class=q>q7x</span>oice",
            "<style>p #q { font-size: 0 } </style>inv<span id=q>q7x</span>oice",
            '<td style="font-size:0"><p style="font-size:14px">inv<i hidden>x</i>oice</p>',
            "inv<script>x</script>oice",
            "inv<style>x</style>oice",
            "inv<template>x</template>oice",
            "<textarea>invoice</textarea>",
            "<button>invoice</button>",
            '<input type="submit" value="invoice">',
            '<img alt="invoice">',
            "<title>invoice</title>",
            "<plaintext>invoice",
            "<p style='display:none'>Your invoice, as the list of messages shows it</p>",
            "<select><option>invoice</select>",
            "<math><mtext>invoice</mtext></math>",
            "<svg><text>invoice</text></svg>",
        ],
    )
    def test_a_word_is_there_as_people_see_it(self, content: str) -> None:
        assert found(page(f"<div>{content}</div>"), words=["invoice"]) == {"words"}
        assert found(page(f"<div>{content}</div>"), expressions=["(?i)invoice"]) == {"expressions"}

    @pytest.mark.parametrize(
        "content",
        [
            "<style>invoice</style>",
            "<script>invoice</script>",
            "<noframes>invoice</noframes>",
            "<iframe>invoice</iframe>",
            "<template>invoice</template>",
            "in<br>voice",
            "<p>in</p><p>voice</p>",
            "<table><tr><td>in</td><td>voice</td></table>",
            "<p class=invoice>x</p>",
            '<input type="hidden" value="invoice">',
            "<!-- invoice -->",
        ],
    )
    def test_what_is_not_shown_is_not(self, content: str) -> None:
        assert found(page(f"<div>{content}</div>"), words=["invoice"]) == set()

    @pytest.mark.parametrize(
        "kind", ["text/x-amp-html", "text/html charset=utf-8", "TEXT/HTML", "application/xhtml+xml", "text/xml"]
    )
    def test_a_page_is_one_by_whatever_type(self, kind: str) -> None:
        assert found(mail("<html><p>in<b>vo</b>ice</p>", kind=kind), words=["invoice"]) == {"words"}
