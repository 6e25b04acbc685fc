"""No message stops the inspection or takes more than a second of the processor's time, and no sender talks it round."""

from collections.abc import Callable, Mapping, Sequence
from time import thread_time
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.protection.inspection.budget import Budget
from shared.protection.inspection.conditions import HEADERS, Attachment, Conditions, Finding
from shared.protection.inspection.inspect import judge
from shared.protection.inspection.message import read
from tests.harness.mail import GOOD, RECEIVER, TENANT, head, mail, mixed, part, zipped

# The same messages every time, and as many as the suite has time for.
steady = settings(
    max_examples=80, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
MAX_SECONDS = 1.0  # seconds, of the processor's time
EVERYTHING = Conditions(
    senders=["b.example"],
    subjects=["hello"],
    authentication=["spf-fail", "dkim-fail", "dmarc-fail", "unauthenticated"],
    impersonation=True,
    links=["evil.example"],
    misleading_links=True,
    attachments=list(get_args(Attachment)),
    words=["invoice", "wire transfer"],
    expressions=[r"\d{16}", r"(a|aa)+$"],
)
HEADERS_ONLY = Conditions(
    senders=["b.example"],
    subjects=["hello"],
    authentication=["spf-fail", "dmarc-fail", "unauthenticated"],
    impersonation=True,
)
PAGE = '<p>Dear user, <a href="https://evil.example/x">https://good.example</a> wants your <b>in</b>voice</p>'
ARCHIVE = zipped([("invoice.pdf", b"%PDF-1.7 x"), ("a/run.js", b"x = 1"), ("more.zip", zipped([("a.exe", b"MZ\0\0")]))])
ORDINARY = [
    mail("hello"),
    mail(PAGE, kind="text/html; charset=utf-8", Authentication_Results=GOOD),
    mixed(head({"Content-Type": "text/html"}) + PAGE.encode(), part(ARCHIVE, "invoice.zip", "application/zip")),
    mixed(b"Content-Type: message/rfc822\r\n\r\n" + mixed(part(b"MZ\0\0", "a.exe"))),
    mail("=68=65=6C=6C=6F", Content_Transfer_Encoding="quoted-printable", From="=?utf-8?q?Jane_Doe?= <x@evil.example>"),
]
# What parsers stumble over.
PIECES = [
    b"\r\n",
    b"\n\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"--BORDER",
    b"--BORDER--",
    b"--",
    b"From: ",
    b"From ",
    b"Subject:",
    b"Content-Type: multipart/mixed; boundary=BORDER\r\n\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: ;;=",
    b"Content-Type: multipart/mixed\r\n\r\n",
    b"Content-Type: text/html; charset=punycode\r\n",
    b"charset*0*=x''%",
    b";a*1=b",
    b";",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\r\n",
    b"begin 666 \r\nM`\r\n",
    b"Content-Disposition: attachment; filename*=utf-7'x'%2B\r\n",
    b"=?utf-8?q?=41?=",
    b"=?",
    b"?=",
    b"=?x?b?A?=",
    b"=",
    b"==",
    b"(",
    b"((",
    b")",
    b'"',
    b"\\",
    b"<",
    b">",
    b"<>",
    b"@",
    b",",
    b":",
    b"undisclosed: ;",
    b"<a ",
    b"<a href=",
    b"<!--",
    b"<![CDATA[",
    b"<?",
    b"</",
    b"&#x",
    b"https://",
    b"a@b.example",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"ustar",
    b"Rar!\x1a\x07\0",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"Date: Thu, 99 Foo 99999999999 99:99:99 +9999\r\n",
    b"Authentication-Results: " + GOOD.encode(),
    b"Authentication-Results: " + RECEIVER.encode() + b"; (",
    b"\xef\xbb\xbf",
    "é\u0301\u202e\u200b\uff2a".encode(),
]


def look(message: bytes | Sequence[tuple[str, str]], conditions: Conditions = EVERYTHING) -> tuple[Finding, ...]:
    """What is found: in time, and with nothing that went wrong on the way."""
    begin = thread_time()
    result = judge(message, conditions, TENANT)
    assert thread_time() - begin < MAX_SECONDS
    assert not [one for one in result if one.why.startswith("The message could not be inspected")]
    return result


def kinds(result: tuple[Finding, ...]) -> set[str]:
    return {one.kind for one in result}


@st.composite
def mutated(draw: st.DrawFn, originals: Sequence[bytes] = tuple(ORDINARY)) -> bytes:
    """A message with pieces cut out, doubled, changed or put in."""
    message = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(message)))
        to = min(len(message), at + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from(PIECES)) * draw(st.sampled_from([1, 1, 1, 2, 50]))
        message[at:to] = draw(st.sampled_from([b"", piece, bytes(message[at:to]) * 3, piece + bytes(message[at:to])]))
    return bytes(message)


pieces = st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=30).map(b"".join)
nested = st.recursive(
    pieces.map(lambda content: b"\r\n" + content) | mutated(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: mixed(*parts))
        | inner.map(lambda content: b"Content-Type: message/rfc822\r\n\r\n" + content)
        | st.tuples(pieces, inner).map(lambda both: both[0] + b"\r\n" + both[1])
    ),
    max_leaves=12,
)


class TestAnything:
    @given(st.binary(max_size=2000))
    @steady
    def test_bytes(self, message: bytes) -> None:
        look(message)

    @given(pieces)
    @steady
    def test_pieces(self, message: bytes) -> None:
        look(message)

    @given(mutated())
    @steady
    def test_ordinary_messages_a_little_wrong(self, message: bytes) -> None:
        look(message)

    @given(nested)
    @steady
    def test_messages_in_messages(self, message: bytes) -> None:
        look(message)

    @given(mutated(originals=(ARCHIVE,)), st.sampled_from(["a.zip", "a.docx", "invoice.pdf", "\u202e", "", "a.tar.gz"]))
    @steady
    def test_archives(self, content: bytes, name: str) -> None:
        look(mixed(part(content, name)))

    @given(st.lists(st.tuples(st.sampled_from([*HEADERS]), st.text())))
    @steady
    def test_headers(self, headers: list[tuple[str, str]]) -> None:
        look(headers, HEADERS_ONLY)

    @given(st.text(alphabet=st.characters(codec=None), max_size=200))
    @steady
    def test_texts_with_every_letter(self, text: str) -> None:
        message = mail(text.encode("utf-8", "surrogatepass"), Subject="x", kind="text/html; charset=utf-8")
        look(message)
        look([("From", text), ("Subject", text), ("Authentication-Results", text)], HEADERS_ONLY)


# Each makes some parser take time by the square of its length, or more.
ENDLESS = [
    "<",
    "<!--",
    "<a ",
    "<a/",
    "<a\n",
    '<a b="',
    "<a =",
    "<?",
    "</",
    "&",
    "é ",
    "\ufdfa",
    "a\u0300\u0316",
    "a.",
    "http:/",
    "x.example ",
]

LARGE: Mapping[str, Callable[[], bytes]] = {
    "lines": lambda: b"\n" * 25_000_000,
    "headers": lambda: b"a:\n" * 2_000_000,
    "folds": lambda: b"Subject: x\n" + b" a\n" * 8_000_000,
    "bytes": lambda: bytes(range(256)) * 100_000,
    "parts": lambda: mixed(*[b"\r\n"] * 100_000),
    "messages": lambda: b"Content-Type: message/rfc822\n\n" * 100_000,
    "an attachment": lambda: mixed(part(bytes(range(256)) * 70_000)),
    "borders": lambda: b"".join(map(bordered, range(3000))) + b"--\n" * 500_000,
    "uuencoded": lambda: mail("M\n" * 1_100_000, Content_Transfer_Encoding="x-uuencode"),
    "base64": lambda: mail("QQ=" * 5_000_000, Content_Transfer_Encoding="base64"),
    "quoted": lambda: mail("=41=" * 5_000_000, Content_Transfer_Encoding="quoted-printable"),
    "zip": lambda: mixed(part(b"PK\x03\x04" * 3_000_000, "a.zip")),
    "utf-7": lambda: mail("+AAAA" * 300_000, kind="text/plain; charset=utf-7"),
    "punycode": lambda: mail("-aaa" * 300_000, kind="text/plain; charset=!punycode."),
}


def bordered(number: int) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)


class TestTime:
    @pytest.mark.parametrize("piece", ENDLESS)
    def test_pages_and_texts_without_end(self, piece: str) -> None:
        text = (piece * 600_000)[:600_000].encode()
        assert "incomplete" in kinds(look(mail(text, kind="text/html; charset=utf-8")))
        look(mail(text, kind="text/plain; charset=utf-8"))

    @pytest.mark.parametrize(
        "piece", ["(", "(a)", '"', ",", "<", "=?utf-8?q?=41?= ", "a ", ";", ":;", ".", '"" ', "\\"]
    )
    def test_headers_without_end(self, piece: str) -> None:
        value = (piece * 1_900)[:1_900]
        named = ("From", "Reply-To", "Subject", "Content-Type", "Content-Disposition", "To")
        headers = "".join(f"{name}: {value}\r\n" for name in named * 4)
        look(f"{headers}Authentication-Results: {RECEIVER}; {value * 8}\r\n\r\nhello".encode())
        hostile = f"Content-Type: text/plain; a={value}\r\nContent-Disposition: attachment; a*={value}\r\n\r\nx"
        look(mixed(*[hostile.encode()] * 100))

    @pytest.mark.parametrize("which", LARGE)
    def test_large_messages(self, which: str) -> None:
        look(LARGE[which]())

    def test_time_spent_is_said(self) -> None:
        spent = read(LARGE["folds"](), Budget(0), only_headers=False)
        assert "The message takes too long to read: only a part was inspected." in spent.missed


class TestSenders:
    """What a sender can write does not change what the receiver, or the message itself, says."""

    @given(mutated(), st.text(alphabet=st.characters(codec="ascii", exclude_characters="\r\n"), max_size=60))
    @steady
    def test_a_hop_more_changes_nothing(self, message: bytes, hop: str) -> None:
        message = mail() if message[:1] in (b" ", b"\t", b"") else message
        assert look(b"Received: from " + hop.encode() + b"\r\n" + message) == look(b"Received: x\r\n" + message)

    @given(
        st.sampled_from([GOOD, f"{RECEIVER}; spf=fail; dmarc=fail", f"{RECEIVER}; dkim=none", f"{RECEIVER}; (", "x"]),
        st.lists(st.sampled_from([GOOD, f"{RECEIVER}; spf=pass", "x; dkim=pass"]) | st.text(max_size=60), max_size=4),
    )
    @steady
    def test_a_forged_result_never_helps(self, stamped: str, forged: list[str]) -> None:
        first = [("Authentication-Results", stamped)] if RECEIVER in stamped else []
        honest = look([*first, ("From", "a@c.example")], HEADERS_ONLY)
        below = [("Authentication-Results", one) for one in forged if first or RECEIVER not in one]
        assert look([*first, ("From", "a@c.example"), *below], HEADERS_ONLY) == honest

    @given(mutated())
    @steady
    def test_the_headers_alone_say_what_the_message_says(self, message: bytes) -> None:
        begin = message.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        whole = kinds(look(begin + b"hello", HEADERS_ONLY))
        assert kinds(look(begin + PAGE.encode(), EVERYTHING)) >= whole - {"incomplete"}

    @given(nested)
    @steady
    def test_what_is_within_is_found(self, message: bytes) -> None:
        wrapped = mixed(part(b"\x7fELF\x02", "a"), b"Content-Type: message/rfc822\r\n\r\n" + message)
        assert "attachments" in kinds(look(wrapped))

    @given(mutated(), st.sampled_from([{"senders": ["b.example"]}, {"words": ["invoice"]}, {"attachments": ["html"]}]))
    @steady
    def test_to_ask_for_more_finds_no_less(self, message: bytes, one: dict[str, Any]) -> None:
        assert kinds(look(message, Conditions(**one))) <= kinds(look(message))
