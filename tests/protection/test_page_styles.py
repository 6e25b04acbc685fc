"""What ends a word in a page, what turns its direction, and what its programs hold: as a browser shows it."""

import base64

import pytest

from tests.harness.mail import found, mail, mixed, page, part

SHOWN = [
    "<div style='display:inline'>over</div><div style='display:inline-block'>due invoice</div>",
    "over<div style='display:none'>xyz</div>due invoice",
    "over<p hidden>xyz</p>due invoice",
    "over<img src='cid:1' width=0 height=0>due invoice",
    "over<i style='position:absolute;clip-path:inset(50%)'>x</i>due invoice",
    "over<i style='transform:scale(0)'>x</i>due invoice",
    "<style>[data-h]{display:none}</style>over<i data-h>x</i>due invoice",
    "<style>p > i[data-h='1']{display:none}</style><p>over<i data-h=1>x</i>due invoice</p>",
    # Letters in the colour of what is behind them, by the page's rules.
    "<style>.h{color:#fff}</style>over<i class='a h'>x</i>due invoice",
    "<style>i{color:white !important;}</style>over<i>x</i>due invoice",
    "<style>#h,td b{color:#FFFFFE}</style>over<i id=h>x</i>due invoice",
    "<style>[data-h]{color:#fff}</style>over<i data-h>x</i>due invoice",
    "<style>.n{background-color:#123456}</style><div class=n>over<font color='#123456'>x</font>due invoice</div>",
    "<style>.n{background:#123456}.h{color:#123456}</style><p class=n>over<i class=h>x</i>due invoice",
    "<style>@media screen{.h{color:#fff}}</style>over<i class=h>x</i>due invoice",
    "<style>.h{color:red}.h{color:#fff}</style>over<i class=h>x</i>due invoice",
    *(
        f"over<i style='{style}'>x</i>due invoice"
        for style in (
            *("margin-left:-9999px", "bottom:-9999px", "transform:translateX(-9999px)", "left:-99em"),
            *("color:hsl(0,0%,100%)", "color:rgb(100%,100%,100%)", "color:#ffffffff", "color:#ffff"),
            "color:lightyellow;background:#ffffe0",
        )
    ),
    "<bdo dir=rtl>eciovni eudrevo</bdo>",
    "<ruby>over<rp>(</rp></ruby>due invoice",
    "<select><optgroup label='overdue invoice'><option>x</select>",
    "<span style='unicode-bidi:bidi-override;direction:rtl'>eciovni eudrevo</span>",
]
NOT_SHOWN = [
    "<span style='display:block'>over</span><span style='display:block'>due invoice</span>",
    "over<img src='cid:1' width=80>due invoice",
    "<style>[data-h]{color:red}</style>over<i data-h>x</i>due invoice",
    "<style>.h{color:#333}</style>over<i class=h>x</i>due invoice",
    *(
        f"over<i style='{style}'>x</i>due invoice"
        for style in ("margin-left:-9px", "transform:translateX(-9px)", "color:hsl(0,0%,20%)", "color:#333f")
    ),
    "<style>.n{background:#000}.h{color:#fff}</style><div class=n>over<i class=h>x</i>due invoice</div>",
    "<style>.h{color:#fff}</style>over<i class=h style='color:#333'>x</i>due invoice",
    "<style>.h{color:#fff}.h{color:#333}</style>over<i class=h>x</i>due invoice",
    "<style>@media (prefers-color-scheme:dark){body{margin:0}.h{color:#fff}}</style>over<i class=h>x</i>due invoice",
    "<style>.h{color:#fff}.n{background:url(a.png)}</style><div class=n>over<i class=h>x</i>due invoice</div>",
    "<bdo dir=ltr>eciovni eudrevo</bdo>",
    "<meter>overdue invoice</meter><datalist><option>overdue invoice</datalist>",
]
PAGE = "<a href='https://evil.example/'>x</a>"
FILES = [
    "<script>location='https:\\/\\/evil.example\\/x'</script>",
    "<script>location='\\x68ttps://evil.example/x'</script>",
    "<script>document.write(unescape('%3Ca%20href%3D%22https%3A//evil.example/%22%3E'))</script>",
    f"<iframe src='data:text/html;base64,{base64.b64encode(PAGE.encode()).decode()}'></iframe>",
    '<iframe src="data:text/html,%3Ca%20href=https:%2f%2fevil.example%3Ex"></iframe>',
    f"<div><template shadowrootmode=open><p>{PAGE}</p></template></div>",
    f"<template><template>{PAGE}</template></template>",
]


@pytest.mark.parametrize("content", SHOWN)
def test_what_is_shown_as_one_word_is_read_as_one(content: str) -> None:
    assert found(page(content), words=["overdue invoice"]) == {"words"}


@pytest.mark.parametrize("content", NOT_SHOWN)
def test_what_is_shown_apart_is_not(content: str) -> None:
    assert found(page(content), words=["overdue invoice"]) == set()


@pytest.mark.parametrize("message", [mail("pay \u202eeciovni eudrevo\u202c"), mail(Subject="\u202eeciovni eudrevo")])
def test_what_a_letter_turns_round_is_read_as_it_is_shown(message: bytes) -> None:
    assert found(message, words=["overdue invoice"]) == {"words"}


@pytest.mark.parametrize("content", FILES)
def test_where_the_programs_and_frames_of_a_file_lead(content: str) -> None:
    assert found(mixed(part(content.encode(), "a.html", "text/html")), links=["evil.example"]) == {"links"}


ENCODED = base64.b64encode(b"https://evil.example/x").decode()


@pytest.mark.parametrize(
    "program",
    [
        "location = 'https://ev' + 'il.example/x'",
        "location.replace('ht' + \"tps://evil.example/x\")",
        f"window.open(atob('{ENCODED}'))",
        f'location.href = window.atob("{ENCODED[:9]}" + "{ENCODED[9:]}")',
        f"document.write(atob('{base64.b64encode(PAGE.encode()).decode()}'))",
        f"location = String.fromCharCode({','.join(str(ord(one)) for one in 'https://evil.example/')})",
        "location = '\\u{68}ttps://evil.example/x'",
    ],
)
def test_where_a_program_leads_that_has_its_address_in_pieces(program: str) -> None:
    message = mixed(part(f"<script>{program}</script>".encode(), "a.html", "text/html"))
    assert "links" in found(message, links=["evil.example"])


@pytest.mark.parametrize(
    "program",
    [
        "location = 'https://' + a.split('').reverse().join('') + '/x'",
        "location.href = names[3]",
        "window.open(`https://${host}/`)",
        "document.write(decode(text))",
        "document.body.innerHTML = x",
        "a.href=b;a.click()",
        "eval(text)",
        "new Function(text)()",
        "location.assign(atob(text))",
        "location['href'] = x",
        "location['replace'](x)",
        "window['location'] = x",
        "form.setAttribute('action', x)",
        "navigation.navigate(x)",
        "body.insertAdjacentHTML('beforeend', x)",
        "frame.src = x",
    ],
)
def test_where_a_program_computes_its_address_it_is_said(program: str) -> None:
    for content, name in ((f"<script>{program}</script>", "a.html"), (f"<svg onload='{program}'/>", "a.svg")):
        if "'" not in program or name == "a.html":
            message = mixed(part(content.encode(), name, "application/octet-stream"))
            assert found(message, links=["evil.example"]) == {"incomplete"}
            assert found(message, words=["invoice"]) == set()


@pytest.mark.parametrize(
    "content",
    [
        "<script>var total = 1 + 2; console.log('a' + total)</script>",
        "<script>location = 'https://good.example/'</script>",
        "<script>if (location == other) location.reload()</script>",
        "<script>scroll(location.hash); history.pushState(x, '', y); fetch(x)</script>",
        "<script>window.open('https://good.example/', '_blank')</script>",
    ],
)
def test_a_program_that_computes_no_address_is_read_whole(content: str) -> None:
    assert found(mixed(part(content.encode(), "a.html", "text/html")), links=["evil.example"]) == set()
    # In a mail no program runs.
    assert found(page("<script>location = x</script>"), links=["evil.example"]) == set()


@pytest.mark.parametrize(
    "shown",
    [
        "good\uff0eexample",
        "www\u2024good\u2024example",
        "\u27a1 good.example \u2b05",
        "\U0001f449good.example\U0001f448",
    ],
)
def test_pictures_around_a_host_are_no_part_of_it(shown: str) -> None:
    assert found(page(f"<a href='https://evil.example/'>{shown}</a>"), misleading_links=True) == {"misleading_links"}


@pytest.mark.parametrize("shown", ["@good.example", "#good.example", "$1.99"])
def test_names_and_prices_are_no_hosts(shown: str) -> None:
    assert found(page(f"<a href='https://evil.example/'>{shown}</a>"), misleading_links=True) == set()


@pytest.mark.parametrize(
    "target", ["webcal://evil.example/a.ics", r"search-ms:query=x&crumb=location:\\evil.example\s"]
)
def test_addresses_that_programs_other_than_browsers_open(target: str) -> None:
    assert found(page(f"<a href='{target}'>x</a>"), links=["evil.example"]) == {"links"}
