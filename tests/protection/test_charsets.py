"""Texts in every charset and encoding that mail programs read, by whatever name."""

import base64

import pytest

from shared.protection.inspection.decoding import text
from tests.harness.mail import found, mail, mixed, page, part


@pytest.mark.parametrize(
    ("charset", "codec", "word"),
    [
        ("windows-874", "cp874", "ใบแจ้งหนี้"),
        ("tis-620", "cp874", "ใบแจ้งหนี้"),
        ("iso-8859-11", "cp874", "ใบแจ้งหนี้"),
        ("iso-8859-8-i", "iso8859-8", "חשבונית"),
        ("iso-8859-8-e", "iso8859-8", "חשבונית"),
        ("logical", "iso8859-8", "חשבונית"),
        ("x-sjis", "cp932", "請求書①"),
        ("windows-31j", "cp932", "請求書①"),
        ("shift_jis", "cp932", "請求書①"),
        ("cp932", "cp932", "請求書①"),
        ("ms_kanji", "cp932", "請求書①"),
        ("gb2312", "gbk", "镕基"),
        ("gbk", "gb18030", "镕㐀"),
        ("gb18030", "gb18030", "镕㐀"),
        ("x-gbk", "gbk", "镕基"),
        ("cp936", "gbk", "镕基"),
        ("windows-949", "cp949", "송장똠"),
        ("ks_c_5601-1987", "cp949", "송장똠"),
        ("euc-kr", "cp949", "송장똠"),
        ("cp949", "cp949", "송장똠"),
        ("big5", "big5hkscs", "發票"),
        ("big5-hkscs", "big5hkscs", "發票"),
        ("cp850", "cp850", "façade"),
        ("cp-850", "cp850", "façade"),
        ("ibm850", "cp850", "façade"),
        ("dos-850", "cp850", "façade"),
        ("ibm852", "cp852", "fakturę"),
        ("cp437", "cp437", "façade"),
        ("x-mac-cyrillic", "mac-cyrillic", "счет"),
        ("x-mac-ukrainian", "mac-cyrillic", "счет"),
        ("macintosh", "mac-roman", "façade"),
        ("x-mac-ce", "mac-latin2", "fakturę"),
        ("win-1251", "cp1251", "счет"),
        ("cp1251", "cp1251", "счет"),
        ("koi8-u", "koi8-u", "рахунок"),
        ("cp866", "cp866", "счет"),
        ("iso-8859-1", "cp1252", "façade€"),
        ("latin1", "cp1252", "façade"),
        ("iso8859-15", "iso8859-15", "façade"),
        ("utf-7", "utf-7", "façade"),
        ("unicode-1-1-utf-7", "utf-7", "façade"),
        ("utf-16", "utf-16", "façade"),
        ("utf-16be", "utf-16-be", "façade"),
        ("iso-2022-jp", "iso2022_jp", "請求書"),
        ("iso-2022-kr", "iso2022_kr", "송장"),
        ("hz-gb-2312", "hz", "发票"),
        ("euc-jp", "euc_jp", "請求書"),
    ],
)
def test_a_word_is_read_by_the_name_of_its_charset(charset: str, codec: str, word: str) -> None:
    body = base64.b64encode(word.encode(codec)).decode()
    for kind in (f"text/plain; charset={charset}", f'text/html; charset="{charset.upper()}"'):
        assert found(mail(body, kind=kind, Content_Transfer_Encoding="base64"), words=[word]) == {"words"}


@pytest.mark.parametrize(
    "charset", ["us-ascii", "ascii", "ANSI_X3.4-1968", "", "unknown-8bit", "x-unknown", "default", "none", "utf8mb4"]
)
def test_utf_8_that_is_called_something_else(charset: str) -> None:
    named = f"; charset={charset}" if charset else ""
    assert found(mail("Your façade", kind=f"text/plain{named}"), words=["façade"]) == {"words"}
    assert found(mail("Your façade".encode("cp1252"), kind=f"text/plain{named}"), words=["façade"]) == {"words"}


def test_a_page_may_say_it_itself() -> None:
    for said in ('<meta charset="windows-1251">', '<meta http-equiv=Content-Type content="text/html; charset=cp1251">'):
        content = f"<html><head>{said}</head><p>счет</p>".encode("cp1251")
        assert found(mail(content, kind="text/html"), words=["счет"]) == {"words"}
        assert found(mixed(part(content, "a.html")), words=["счет"]) == {"words"}
    assert found(page('<meta charset="windows-1251"><p>façade'), words=["façade"]) == {"words"}


def test_a_mark_at_the_beginning_counts_more_than_a_name() -> None:
    for codec in ("utf-8-sig", "utf-16"):
        assert found(mail("façade".encode(codec), kind="text/plain; charset=iso-8859-1"), words=["façade"]) == {"words"}


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "undefined", "unicode_escape", "rot13", "zip", "hex", "a\0b", "é"]
)
def test_no_codec_of_python_is_reached_by_its_name(charset: str) -> None:
    assert text(b"invoice \\u0041", charset) == "invoice \\u0041"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        ("(x) base64", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        ("base64 (x)", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        ('"base64"', "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        ("'base64'", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        (" BASE64 ;", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4="),
        ("base64", "UGxlYXNlIHBheSB0aGUgaW52b2ljZS4=\r\n--\r\nSent from a list"),
        ("quoted-printable", "Please pay the inv= \t\r\noice."),
        ("quoted-printable", "Please pay the inv=\noice."),
        ("quoted-printable", "Please pay the inv=6fice. \r\n"),
        ("quoted-printable", "Please pay the =69=6E=76=6F=69=63=65."),
        ('"quoted-printable"', "Please pay the inv=6Fice."),
        ("8bit", "invoice"),
        ("8-bit", "invoice"),
        ("binary", "invoice"),
        ("", "invoice"),
    ],
)
def test_transfer_encodings_as_mail_programs_take_them(encoding: str, body: str) -> None:
    assert found(mail(body, Content_Transfer_Encoding=encoding), words=["invoice"]) == {"words"}


def test_raw_letters_in_headers() -> None:
    for codec in ("utf-8", "cp1252"):
        message = b"Subject: " + "façade".encode(codec) + b"\r\nFrom: a@b.example\r\n\r\nx"
        assert found(message, subjects=["façade"]) == {"subjects"}
