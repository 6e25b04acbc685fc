"""What mail programs unwrap by themselves: TNEF and S/MIME in one piece, put together here by their standards."""

import base64
import struct
import zlib

import pytest

from shared.protection.inspection import tnef
from shared.protection.inspection.budget import Budget
from tests.harness.mail import found, mail, mixed, part

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
EVIL = "https://evil.example/login"
PAGE = f'<p>Pay <b>overdue</b> bills at <a href="{EVIL}">www.contoso.com</a></p>'.encode()
LETTER = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + PAGE
ASKED = {"links": ["evil.example"], "misleading_links": True, "words": ["overdue"], "attachments": ["executable"]}
SEEN = {"links", "misleading_links", "words"}
SIGNED, DATA, SEALED = (bytes.fromhex(f"2a864886f70d0107{last}") for last in ("02", "01", "03"))
PACKED = bytes.fromhex("2a864886f70d0109100109")
FIELD = rb'{\rtf1{\field{\*\fldinst HYPERLINK "' + EVIL.encode() + rb'"}{\fldrslt here}}}'
SIGNED_IN_ONE_PIECE = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"


def der(tag: int, *content: bytes) -> bytes:
    inner = b"".join(content)
    size = len(inner).to_bytes(4, "big").lstrip(b"\0")
    return bytes([tag]) + (bytes([len(inner)]) if len(inner) < 128 else bytes([0x80 | len(size)]) + size) + inner


def open_ended(tag: int, *content: bytes) -> bytes:
    """In the form of which the length is not known when it is begun."""
    return bytes([tag, 0x80]) + b"".join(content) + b"\0\0"


def cms(inner: bytes | None, kind: bytes = SIGNED, *, pieces: int = 0) -> bytes:
    """A message that is signed, packed or sealed; its content in pieces of so many bytes, or in one."""
    write = open_ended if pieces else der
    content = der(0x04, inner or b"")
    if pieces and inner:
        content = open_ended(0x24, *(der(0x04, inner[at : at + pieces]) for at in range(0, len(inner), pieces)))
    held = write(0x30, der(0x06, DATA), *([] if inner is None else [write(0xA0, content)]))
    whole = write(0x30, der(0x02, b"\1"), write(0x31, der(0x30, der(0x06, DATA))), held, der(0x31))
    return write(0x30, der(0x06, kind), write(0xA0, whole))


def attribute(level: int, name: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(given: dict[int, bytes | str | int]) -> bytes:
    """Properties by name and type, each with one value."""
    written = [struct.pack("<I", len(given))]
    for tag, value in given.items():
        kind, name = tag & 0xFFFF, tag >> 16
        written.append(struct.pack("<HH", kind, name))
        if isinstance(value, int):
            written.append(struct.pack("<I", value))
            continue
        raw = value.encode("utf-16-le") + b"\0\0" if isinstance(value, str) else value
        written.append(struct.pack("<II", 1, len(raw)) + raw + b"\0" * (-len(raw) % 4))
    return b"".join(written)


def winmail(*attributes: bytes) -> bytes:
    version = attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    page = attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    return struct.pack("<IH", 0x223E9F78, 1) + version + page + b"".join(attributes)


def message_with(given: dict[int, bytes | str | int]) -> bytes:
    return attribute(1, 0x00069003, properties(given))


def attached(content: bytes, name: str = "a.bin") -> bytes:
    return (
        attribute(2, 0x00069002, b"\1\0" + b"\xff" * 12)
        + attribute(2, 0x00018010, b"A~1.BIN\0")
        + attribute(2, 0x0006800F, content)
        + attribute(2, 0x00069005, properties({0x3707001F: name, 0x0FFE0003: 7}))
    )


def packed_text(text: bytes) -> bytes:
    """A rich text packed as one may be: with no letter written twice, and ended by a reference to the end."""
    signs, at = [], 207
    for begin in range(0, len(text), 8):
        some = text[begin : begin + 8]
        signs.append(b"\0" + some if len(some) == 8 else bytes([1 << len(some)]) + some)
        at += len(some)
    end = struct.pack(">H", (at % 4096) << 4)
    inner = b"".join(signs) + (b"\1" if len(text) % 8 == 0 else b"") + end
    return struct.pack("<II4sI", len(inner) + 12, len(text), b"LZFu", zlib.crc32(inner)) + inner


class TestSigned:
    """S/MIME in one piece (RFC 8551, 3.5.2): nobody needs a key to read it."""

    @pytest.mark.parametrize("pieces", [0, 1, 50, 1000])
    @pytest.mark.parametrize(("name", "kind"), [("smime.p7m", "application/octet-stream"), ("", SIGNED_IN_ONE_PIECE)])
    def test_a_letter(self, name: str, kind: str, pieces: int) -> None:
        assert found(mixed(part(cms(LETTER, pieces=pieces), name, kind)), **ASKED) == SEEN

    def test_a_whole_message(self) -> None:
        content = base64.encodebytes(cms(LETTER))
        assert found(mail(content, kind=SIGNED_IN_ONE_PIECE, Content_Transfer_Encoding="base64"), **ASKED) == SEEN

    @pytest.mark.parametrize("begin", [b"", b"-----BEGIN PKCS7-----\r\n"])
    def test_as_letters_in_a_file(self, begin: bytes) -> None:
        end = begin.replace(b"BEGIN", b"END")
        content = begin + base64.encodebytes(cms(LETTER, pieces=50)) + end
        assert found(mixed(part(content, "smime.p7m")), **ASKED) == SEEN

    def test_a_program_in_it(self) -> None:
        for inner in (mixed(part(PROGRAM, "a.txt")), mixed(part(cms(mixed(part(PROGRAM, "a.txt"))), "smime.p7m"))):
            message = mixed(part(cms(inner), "smime.p7m", SIGNED_IN_ONE_PIECE))
            assert found(message, **ASKED) == {"attachments"}
            assert found(message, attachments=["macro"]) == set()

    @pytest.mark.parametrize(
        ("content", "met"), [(b"<?xml version='1.0'?><invoice/>", set()), (PROGRAM, {"attachments"})]
    )
    def test_a_file_that_was_signed(self, content: bytes, met: set[str]) -> None:
        assert found(mixed(part(cms(content), "invoice.xml.p7m")), **ASKED) == met
        assert found(mixed(part(cms(content), "invoice.pdf.p7m")), attachments=["disguised"]) == (
            {"attachments"} if met else set()
        )

    def test_certificates_alone(self) -> None:
        kind = "application/pkcs7-mime; smime-type=certs-only; name=smime.p7c"
        assert found(mixed(part(cms(None), "smime.p7c", kind)), **ASKED) == set()

    def test_what_is_packed(self) -> None:
        content = cms(zlib.compress(LETTER), PACKED)
        assert found(mixed(part(content, "smime.p7z", "application/pkcs7-mime")), **ASKED) == SEEN

    @pytest.mark.parametrize(
        "content",
        [
            cms(LETTER, SEALED),
            cms(
                mail(
                    base64.b64encode(cms(LETTER, SEALED)), kind=SIGNED_IN_ONE_PIECE, Content_Transfer_Encoding="base64"
                )
            ),
            cms(b"no stream of zlib", PACKED),
            cms(LETTER)[:30],
            b"\x30\x80" * 2000,
        ],
    )
    def test_what_cannot_be_opened_is_said(self, content: bytes) -> None:
        for kind in (SIGNED_IN_ONE_PIECE, "application/octet-stream"):
            assert found(mixed(part(content, "smime.p7m", kind)), **ASKED) == {"incomplete"}

    def test_one_that_ends_early_is_read_as_far_as_it_goes(self) -> None:
        for content in (cms(LETTER)[: -len(LETTER) // 8], cms(LETTER * 2, pieces=40)[:-60]):
            assert found(mixed(part(content, "smime.p7m")), links=["evil.example"]) == {"links", "incomplete"}


class TestTnef:
    """Outlook and Exchange show what is in winmail.dat as the message itself ([MS-OXTNEF])."""

    @pytest.mark.parametrize("kind", ["application/ms-tnef", "application/octet-stream"])
    def test_what_is_attached(self, kind: str) -> None:
        for content, name, asked in ((PROGRAM, "a.bin", "executable"), (b"text", "Invoice.pdf.js", "disguised")):
            message = mixed(part(winmail(attached(b"text", "a.txt"), attached(content, name)), "winmail.dat", kind))
            assert found(message, attachments=[asked]) == {"attachments"}
            assert found(message, attachments=["macro"]) == set()

    @pytest.mark.parametrize(
        "given",
        [
            {0x10130102: PAGE, 0x3FDE0003: 65001},
            {0x1013001F: PAGE.decode()},
            {
                0x10090102: packed_text(
                    rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 " + PAGE + rb"}\htmlrtf hidden\htmlrtf0 }"
                )
            },
        ],
    )
    def test_a_page(self, given: dict[int, bytes | str | int]) -> None:
        content = winmail(message_with({0x0E1B000B: 1, **given}))
        assert found(mixed(part(content, "winmail.dat")), **ASKED) == SEEN

    @pytest.mark.parametrize(
        "body",
        [
            attribute(1, 0x0002800C, f"Overdue: {EVIL}\0".encode()),
            message_with({0x1000001F: f"Overdue: {EVIL}"}),
            message_with({0x10090102: packed_text(rb"{\rtf1 Over\b due\b0 : " + EVIL.encode() + b"}")}),
            message_with({0x1000001E: b"overdue\0", 0x10090102: packed_text(FIELD)}),
            attached(b"x") + attribute(2, 0x00069005, properties({0x370D001F: f"{EVIL} overdue"})),
        ],
    )
    def test_a_text(self, body: bytes) -> None:
        assert found(mixed(part(winmail(body), "winmail.dat")), **ASKED) == {"links", "words"}

    def test_a_message_in_it(self) -> None:
        inner = winmail(attached(PROGRAM), attribute(1, 0x0002800C, EVIL.encode()))
        held = bytes.fromhex("0703020000000000c000000000000046") + inner
        outer = attribute(2, 0x00069002, b"\0" * 14) + attribute(2, 0x00069005, properties({0x3701000D: held}))
        assert found(mixed(part(winmail(outer), "winmail.dat")), **ASKED) == {"attachments", "links"}

    def test_signed_and_packed_by_exchange(self) -> None:
        content = winmail(attached(cms(LETTER), "smime.p7m"))
        assert found(mixed(part(content, "winmail.dat", "application/ms-tnef")), **ASKED) == SEEN

    def test_an_ordinary_one_is_read_whole(self) -> None:
        several = struct.pack("<IHHIIIII", 1, 0x101F, 0x8001, 0, 0, 0, 0, 0) + struct.pack("<II", 1, 1)
        content = winmail(message_with({0x1013001F: "<p>Hello</p>"}), attached(b"text", "a.txt"))
        for ending in (b"", b"\0\0", b"\r\n"):
            assert found(mixed(part(content + ending, "winmail.dat")), **ASKED) == set()
        assert tnef.read(winmail(attribute(1, 0x00069003, several + b"\2\0\0\0a\0\0\0")), Budget(1))[1]

    @pytest.mark.parametrize(
        "broken",
        [
            winmail(attached(b"text"))[:-1],
            winmail(attached(b"text")) + b"\1",
            winmail(attribute(3, 1, b"")),
            winmail(attribute(1, 0x00069003, struct.pack("<I", 1 << 31))),
            winmail(attribute(1, 0x00069003, struct.pack("<IHHI", 1, 0x1001, 0x1000, 1 << 31))),
            winmail(attribute(1, 0x00069003, struct.pack("<IHHII", 1, 0x001F, 0x1000, 1, 1 << 31))),
            winmail(attribute(1, 0x00069003, struct.pack("<IHH", 1, 0x0999, 0x1000))),
            winmail(message_with({0x10090102: b"\0" * 16})),
            winmail(message_with({0x10090102: packed_text(b"x" * 20)[:-3]})),
            winmail(*[attribute(1, 0x00078008, b"")] * 20_001),
        ],
    )
    def test_what_cannot_be_read_is_said(self, broken: bytes) -> None:
        assert found(mixed(part(broken, "winmail.dat")), **ASKED) == {"incomplete"}

    def test_messages_in_messages_have_an_end(self) -> None:
        content = winmail(attached(PROGRAM))
        for _ in range(10):
            held = properties({0x3701000D: bytes.fromhex("0703020000000000c000000000000046") + content})
            content = winmail(attribute(2, 0x00069002, b"\0" * 14), attribute(2, 0x00069005, held))
        assert found(mixed(part(content, "winmail.dat")), **ASKED) == {"incomplete"}
