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
    "<bdo dir=rtl>eciovni eudrevo</bdo>",
    "<ruby>over<rp>(</rp></ruby>due invoice",
    "<select><optgroup label='overdue invoice'><option>x</select>",
    "<span style='unicode-bidi:bidi-override;direction:rtl'>eciovni eudrevo</span>",
]
NOT_SHOWN = [
    "<span style='display:block'>over</span><span style='display:block'>due invoice</span>",
    "over<img src='cid:1' width=80>due invoice",
    "<style>[data-h]{color:red}</style>over<i data-h>x</i>due invoice",
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
