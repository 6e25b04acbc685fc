"""What mail programs read in two ways, and what cannot be looked into: said, or read in each of the ways."""

import base64
import binascii

import pytest

from tests.harness.mail import found, head, mail, mixed, part

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
MIXED = "multipart/mixed; boundary="
UUENCODED = b"".join(binascii.b2a_uu(PROGRAM[at : at + 45]) for at in range(0, len(PROGRAM), 45))
ENCODED = base64.b64encode(PROGRAM)
PLAIN = "Content-Type: text/plain\r\n"
ENCODING = "Content-Transfer-Encoding"
ATTACHED = part(PROGRAM, "a.bin")
TEXT = b"Content-Type: text/plain\r\n\r\nHello\r\n"


def parted(*pieces: bytes, kind: str = "multipart/mixed; boundary=b1", **headers: str) -> bytes:
    return mail(b"".join(pieces), kind=kind, **headers)


def twice(first: str, second: str, name: str = "Content-Type") -> bytes:
    """A message with two headers of a name."""
    inner = b"--b1\r\n" + TEXT + b"\r\n--b1\r\n" + ATTACHED + b"\r\n--b1--\r\n"
    return f"From: a@b.example\r\n{name}: {first}\r\n{name}: {second}\r\n".encode() + b"\r\n" + inner


class TestTwoWays:
    """Found, or said that it could not be looked into: never silence."""

    @pytest.mark.parametrize(
        "message",
        [
            # Behind the closing border.
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n--b1\r\n", ATTACHED, b"\r\n--b1--\r\n"),
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n\r\n\r\n--b1\r\n", ATTACHED),
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n", ATTACHED),
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n--b2\r\n", ATTACHED, b"\r\n--b2--\r\n"),
            # Two headers of which one counts.
            twice("text/plain", "multipart/mixed; boundary=b1"),
            twice("multipart/mixed; boundary=b1", "text/plain"),
            twice("multipart/mixed; boundary=b2", "multipart/mixed; boundary=b1"),
            mixed(f"{PLAIN}{ENCODING}: 7bit\r\n{ENCODING}: base64\r\n\r\n".encode() + ENCODED),
            mixed(f"{PLAIN}{ENCODING}: base64\r\n{ENCODING}: 7bit\r\n\r\n".encode() + ENCODED),
            # Encodings that are not known.
            mixed(head({"Content-Transfer-Encoding": "base-64"}) + base64.b64encode(PROGRAM)),
            mixed(head({"Content-Transfer-Encoding": "x-gzip64"}) + base64.b64encode(PROGRAM)),
            mixed(head({"Content-Transfer-Encoding": "mac-binhex40"}) + base64.b64encode(PROGRAM)),
            # Messages that are encoded, though they may not be.
            mail(base64.b64encode(mixed(ATTACHED)), kind="message/rfc822", Content_Transfer_Encoding="base64"),
            # Files in a plain text, as before there was MIME.
            mail(b"Hello\r\n\r\nbegin 644 a.exe\r\n" + UUENCODED + b"`\r\nend\r\n"),
            # Several borders.
            parted(b"--b1\r\n", TEXT, b"\r\n--b1\r\n", ATTACHED, b"\r\n--b1--\r\n", kind=f'{MIXED}"b1 "'),
            parted(b"--b1 \r\n", TEXT, b"\r\n--b1 \r\n", ATTACHED, b"\r\n--b1-- \r\n"),
            parted(b"--b1\n", TEXT, b"\n--b1\n", ATTACHED, b"\n--b1--\n"),
            parted(b"--b1\r", TEXT, b"\r--b1\r", ATTACHED, b"\r--b1--\r"),
            parted(b"--b1\r\n", TEXT, b"\r\n--b1\r\n", ATTACHED),
            parted(b"--b1\r\n", TEXT, b"--b1\r\n", ATTACHED, b"\r\n--b1--"),
        ],
    )
    def test_a_program_is_found_or_it_is_said(self, message: bytes) -> None:
        assert found(message, attachments=["executable"])

    @pytest.mark.parametrize(
        "message",
        [
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n\r\n"),
            parted(b"This is a multi-part message.\r\n--b1\r\n", TEXT, b"\r\n--b1--\r\n-- \r\nA footer of a list\r\n"),
            parted(b"--b1\r\n", TEXT, b"\r\n--b1--\r\n--b1--\r\n"),
            twice("multipart/mixed; boundary=b1", "multipart/mixed;  boundary=b1").replace(ATTACHED, TEXT),
            mixed(head({"Content-Transfer-Encoding": "8BIT"}) + b"x"),
            mail("begin 2024 with a plan\r\nand an end\r\n"),
        ],
    )
    def test_ordinary_messages_are_read_whole(self, message: bytes) -> None:
        assert found(message, attachments=["executable"]) == set()


class TestBase64:
    """Padding may stand in the middle: some programs encode line by line."""

    @pytest.mark.parametrize("number", [1, 99, 100, 101, 102, 103, 104, 30_000])
    @pytest.mark.parametrize("before", [b"QQ==", b"QUI=", b"QQ=\r\n"])
    def test_what_stands_behind_it_is_read(self, number: int, before: bytes) -> None:
        body = before * number + base64.b64encode(b" invoice ") + b"Q=QQQ=Q"
        assert found(mail(body, Content_Transfer_Encoding="base64"), words=["invoice"]) == {"words"}

    def test_more_of_it_than_a_program_writes_is_said(self) -> None:
        message = mail(b"QQ==" * 150_000 + ENCODED, Content_Transfer_Encoding="base64")
        assert "incomplete" in found(message, words=["invoice"])


class TestUuencoded:
    """An encoding without a standard: programs read it a little differently, and a sender chooses its lines."""

    @pytest.mark.parametrize(
        "body",
        [
            b"begin 644 a.bin\r\n" + UUENCODED + b"`\r\nend\r\n",
            b"begin 644 a.bin\r\n\r\n" + UUENCODED + b"`\r\nend\r\n",
            UUENCODED.replace(b"\n", b"\r\n\r\n") + b" end",
            UUENCODED.replace(b"\n", b"!!\n"),
            b"a word before\r\nbegin 644 a.bin\r\n" + UUENCODED.replace(b"\n", b"\r"),
        ],
        ids=["plain", "an empty line first", "empty lines", "longer lines", "the old line ends"],
    )
    def test_a_program_is_found(self, body: bytes) -> None:
        message = mixed(head({"Content-Transfer-Encoding": "x-uuencode", "Content-Disposition": "attachment"}) + body)
        assert found(message, attachments=["executable"]) == {"attachments"}

    @pytest.mark.parametrize("line", [b"M\n", b"!ABCDEFG\n"], ids=["short for what they say", "wrong"])
    def test_lines_that_no_program_writes_are_said(self, line: bytes) -> None:
        message = mixed(head({"Content-Transfer-Encoding": "x-uuencode"}) + line * 60_000)
        assert found(message, attachments=["executable"]) == {"incomplete"}


class TestClosed:
    """It is said, by whatever name and type it comes."""

    TNEF = b'x\x9f>"\x01\0' + b"\0" * 60
    SEALED = bytes.fromhex("3080 0609 2a864886f70d010703 a080") + b"\0" * 60
    SIGNED = (
        bytes.fromhex("3080 0609 2a864886f70d010702 a080 3080 020101 310f 3080 0609 2a864886f70d010701 a080")
        + b"x" * 60
    )
    PGP = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n"

    @pytest.mark.parametrize("kind", ["application/ms-tnef", "application/vnd.ms-tnef", "application/octet-stream"])
    @pytest.mark.parametrize("name", ["winmail.dat", "a.txt", ""])
    def test_tnef(self, name: str, kind: str) -> None:
        assert found(mixed(part(self.TNEF, name, kind)), attachments=["executable"]) == {"incomplete"}

    @pytest.mark.parametrize("content", [SEALED, SIGNED])
    @pytest.mark.parametrize("kind", ["application/pkcs7-mime", "application/octet-stream"])
    def test_sealed_or_signed_in_one_piece(self, content: bytes, kind: str) -> None:
        assert found(mixed(part(content, "smime.p7m", kind)), attachments=["executable"]) == {"incomplete"}

    def test_a_signature_beside_the_content_hides_nothing(self) -> None:
        alone = self.SIGNED.replace(bytes.fromhex("a080") + b"x" * 60, b"\0\0" + b"x" * 60)
        message = mixed(part(alone, "smime.p7s", "application/pkcs7-signature"))
        assert found(message, attachments=["executable"]) == set()

    def test_pgp(self) -> None:
        for message in (mail(self.PGP), mixed(part(self.PGP, "a.asc")), mixed(TEXT, part(self.PGP, "encrypted.asc"))):
            assert found(message, attachments=["executable"]) == {"incomplete"}
        sealed = parted(
            b"--b1\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b1\r\n",
            part(b"x"),
            b"\r\n--b1--\r\n",
            kind="multipart/encrypted; boundary=b1",
        )
        assert found(sealed, words=["x"]) >= {"incomplete"}

    @pytest.mark.parametrize("kind", ["message/partial; id=x; number=1", "message/external-body; access-type=URL"])
    def test_what_is_elsewhere(self, kind: str) -> None:
        assert "incomplete" in found(mail("Subject: x\r\n\r\nhello", kind=kind), attachments=["executable"])
