"""Content and text out of what was sent, as leniently as mail programs do: to be a little wrong hides nothing."""

import binascii
import codecs
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
AS_IT_IS = frozenset({"", "7bit", "8bit", "7-bit", "8-bit", "7bits", "8bits", "binary"})
UUENCODED = frozenset({"uuencode", "x-uuencode", "uue", "x-uue"})
ENCODINGS = AS_IT_IS | UUENCODED | {"base64", "quoted-printable"}
# The standard reads them as windows-1252. In mail their bytes above 127 are often UTF-8, and mail programs try that.
ASCII_NAMES = frozenset({"ascii", "us-ascii", "ansi_x3.4-1968", "iso646-us", "iso-ir-6", "646", "us"})
# They take time by the square of a text's length, or are for programs' source: no mail is written in them.
NOT_FOR_MAIL = frozenset({"punycode", "idna", "undefined", "unicode-escape", "raw-unicode-escape"})
# Which of two names for the same letters also has the letters that mail programs know in it.
WIDER = {
    "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
}
# Names of mail programs that neither the standard nor Python has.
MAIL_NAMES = {
    "mac-ce": "mac-latin2",
    "mac-centraleurroman": "mac-latin2",
    "windows-936": "gb18030",
    "ansi": "cp1252",
    "big-5": "big5",
    "cn-big5": "big5",
    "cn-gb": "gb18030",
    "gb-2312": "gb2312",
    "gb18030-2022": "gb18030",
    "iso-ir-165": "gb18030",
    "mac-chinesesimp": "gb18030",
    "mac-chinesetrad": "big5",
    "mac-icelandic": "mac-iceland",
    "mac-japanese": "cp932",
    "mac-korean": "cp949",
    "ucs-4": "utf-32-be",
    "iso-10646-ucs-4": "utf-32-be",
    "iso-10646-ucs-2": "utf-16-le",
    "unicodefffe": "utf-16-be",
    "unicode-2-0-utf-7": "utf-7",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "eucjp-ms": "euc_jp",
    # By the numbers of Windows' code pages.
    "cp10000": "mac-roman",
    "cp10001": "cp932",
    "cp10002": "big5",
    "cp10003": "cp949",
    "cp10006": "mac-greek",
    "cp10007": "mac-cyrillic",
    "cp10008": "gb18030",
    "cp10029": "mac-latin2",
    "cp10079": "mac-iceland",
    "cp10081": "mac-turkish",
    "cp20127": "ascii",
    "cp20866": "koi8-r",
    "cp21866": "koi8-u",
    "cp20932": "euc_jp",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "cp50222": "iso2022_jp_ext",
    "cp51932": "euc_jp",
    "cp51936": "gb18030",
    "cp51949": "cp949",
    "cp54936": "gb18030",
}
UTF_8_MARK = b"\xef\xbb\xbf"
MARKS = ((UTF_8_MARK, "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
META = re.compile(rb"<meta\b[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)
# What was added to a line on its way does not belong to it (RFC 2045, 6.7, rule 3).
TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
# Of a part in base64, each ending with padding: some programs encode line by line. More take too long.
MAX_PIECES = 100_000
# The lines around an uuencoded file.
BEGIN = re.compile(rb"(?:\A|[\r\n])begin [^\r\n]*")
END = re.compile(rb"(?:\A|[\r\n])[ \t]*end[ \t]*(?=[\r\n]|\Z)")
LINES_AT_ONCE = 1_000
# Of so many lines, some of them wrong: more take too long, and no program sends such a file.
MAX_WRONG_BLOCKS = 50


def content(raw: bytes, encoding: str) -> bytes:
    """A part's content; `raw` itself if the transfer encoding is none that is known, or far from what it should be."""
    if encoding == "base64":
        return _base64(raw)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(TRAILING.sub(b"", raw))
    return _uuencoded(raw) if encoding in UUENCODED else raw


def text(content: bytes, charset: str, *, page: bool = False) -> str:
    """Bytes as text, whatever is said of them. A page may itself say what it is written in."""
    known = _codec(charset)
    for mark, name in MARKS:
        if content.startswith(mark) and not (known or "").startswith("utf-32"):
            return content[len(mark) :].decode(name, "replace")
    if known is None and page and (said := META.search(content[:2048])):
        known = _codec(said[1].decode("ascii", "replace"))
        known = None if known and known.startswith("utf-16") else known  # it could not have been read
    if known is None:
        return guessed(content)
    try:
        return content.decode(known, "replace")
    except (LookupError, ValueError):  # a codec that always fails
        return guessed(content)


def guessed(content: bytes) -> str:
    """Text of which nothing is known: UTF-8 if it can be that."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut off within a letter, or with one letter that is broken, it is UTF-8 all the same.
        valid = error.start > 0 and not content[: error.start].isascii()
        return content.decode("utf-8" if valid else "cp1252", "replace")


def page_in_address(source: str) -> str:
    """The page that an address holds itself (RFC 2397); "" if it holds none."""
    head, _, data = source.partition(",")
    if not head.lower().startswith("data:text/html"):
        return ""
    raw = unquote_to_bytes(data)
    return guessed(content(raw, "base64") if ";base64" in head.lower() else raw)


@lru_cache(maxsize=500)
def _codec(charset: str) -> str | None:
    """Python's name for a charset, by the names of the WHATWG first, then by those of mail; None if it says nothing."""
    import webencodings

    label = re.split(r"[*$;]", charset, maxsplit=1)[0].strip().strip("\"'").lower()
    if label in ASCII_NAMES or not label.isascii():
        return None
    known = webencodings.lookup(label)
    if known is not None and known.name not in ("replacement", "x-user-defined"):
        name = str(known.codec_info.name)
        return WIDER.get(name, name)
    bare = re.sub(r"^(?:x-|ms-)+", "", label)
    numbered = re.sub(r"^(?:cp|ibm|dos|oem|ms|win|windows)[-_ ]*(?=\d)", "cp", bare)
    numbered = re.sub(
        r"^cp2859(?=[1-9])|^cp2860(?=[35])", lambda one: "iso8859-" + "1" * one[0].endswith("0"), numbered
    )
    for spelled in (MAIL_NAMES.get(bare, bare), MAIL_NAMES.get(numbered, numbered)):
        try:
            found = codecs.lookup(spelled).name
        except (LookupError, ValueError):
            continue
        return None if found in NOT_FOR_MAIL | {"ascii"} else WIDER.get(found, found)
    return None


def _base64(raw: bytes) -> bytes:
    """As mail programs do: what does not belong is passed over, and padding may stand in the middle.

    `raw` itself if it stands there more often than any program writes it.
    """
    pieces = re.split(rb"=+", raw.translate(None, NOT_BASE64), maxsplit=MAX_PIECES)
    if len(pieces) > MAX_PIECES:
        return raw
    whole = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces)
    return b"".join(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _uuencoded(raw: bytes) -> bytes:
    """As mail programs do: without "begin" too, and lines a little wrong. `raw` itself if it is no such file."""
    begin = BEGIN.search(raw)
    written = END.split(raw[begin.end() if begin else 0 :], maxsplit=1)[0]
    lines = [line for line in written.splitlines() if line]  # an empty one would be read as 32 zeros
    found, size, wrong = [], 0, 0
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        try:
            block = b"".join(map(binascii.a2b_uu, some))
        except binascii.Error:
            block = b"".join(map(_line, some))
            wrong += 1
        found.append(block)
        size += len(block)
        # A line of two letters may stand for 45 bytes, so that a small message could become a large file.
        if wrong > MAX_WRONG_BLOCKS or size > len(raw) + LINES_AT_ONCE:
            return raw
    return b"".join(found)


def _line(line: bytes) -> bytes:
    """One line. Some programs write more than the length that they give; nothing if that is not what is wrong."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        pass
    try:
        return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
    except binascii.Error:
        return b""
