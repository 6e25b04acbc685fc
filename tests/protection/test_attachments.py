"""Attachments are what their content says, whatever their name, and archives are looked into within bounds."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from typing import Any, get_args

import pytest

from shared.protection.inspection.attachments import SENTENCES
from shared.protection.inspection.conditions import Attachment, Conditions, Finding
from shared.protection.inspection.inspect import judge
from tests.harness.mail import TENANT, found, mail, mixed, part, zipped
from tests.harness.office import compound

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 52 + b"\x40\0\0\0PE\0\0" + b"\0" * 400
OLE = compound({"WordDocument": b""})
VBA = compound({"WordDocument": b"", "Macros/VBA/_VBA_PROJECT": b""})
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"
LNK = b"L\0\0\0\x01\x14\x02\0" + b"\0" * 68
ISO = b"\0" * 0x8001 + b"CD001\x01" + b"\0" * 2000
DOCX = [("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w:document/>"), ("word/media/a.svg", b"<svg/>")]
EVERY = list(get_args(Attachment))


def looked(message: bytes) -> tuple[set[str], bool]:
    """Which kinds are attached, and whether all was looked at."""
    kinds = {kind for kind in EVERY if any(one.kind == "attachments" for one in judged(message, attachments=[kind]))}
    return kinds, not any(one.kind == "incomplete" for one in judged(message, attachments=EVERY))


def judged(message: bytes, **conditions: Any) -> tuple[Finding, ...]:
    return judge(message, Conditions(**conditions), TENANT)


def attached(name: str, content: bytes) -> tuple[set[str], bool]:
    return looked(mixed(part(content, name)))


def packed(make: Any, content: bytes) -> bytes:
    return bytes(make.compress(content))


def tape(name: str, content: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def encrypted(name: str = "a.txt") -> bytes:
    """A zip whose members say that they are encrypted."""
    plain = bytearray(zipped([(name, b"x" * 100)], zipfile.ZIP_STORED))
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(sign) + flags] |= 1
    return bytes(plain)


@pytest.mark.parametrize(
    ("name", "content", "kinds"),
    [
        ("a.exe", PROGRAM, {"executable"}),
        ("a", b"\x7fELF\x02\x01", {"executable"}),
        ("a", b"\xcf\xfa\xed\xfe\x07\0", {"executable"}),
        ("a.msi", compound({"Property": b""}, clsid=b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0F"), {"executable"}),
        ("a.jar", zipped([("META-INF/MANIFEST.MF", b"x"), ("A.class", b"x")]), {"executable", "archive"}),
        ("a.com", b"\xb4\x09\0\xcd\x21", {"executable"}),
        ("a.txt", b"MZ is how it begins", set()),
        ("run.js", b"WScript.Echo(1)", {"script"}),
        ("run.ps1", "Get-Item".encode("utf-16"), {"script"}),
        ("a.bin", b"#!/bin/sh\necho", {"script"}),
        ("a.bin", b"@echo off\r\n", {"script"}),
        ("a.bin", b"<html><hta:application>", {"script", "html"}),
        ("a.doc", VBA, {"macro"}),
        ("a.docm", zipped([*DOCX, ("word/vbaProject.bin", OLE)]), {"macro"}),
        ("a.xlsm", zipped([*DOCX, ("xl/macrosheets/sheet1.xml", b"x")]), {"macro"}),
        ("a.odt", zipped([("mimetype", b"x"), ("Basic/Standard/a.xml", b"x")]), {"macro"}),
        ("a.docx", zipped(DOCX), set()),
        ("a.zip", zipped(DOCX), {"archive", "svg"}),
        ("a.doc", OLE, set()),
        ("a.xlsx", compound({"EncryptedPackage": b""}), {"encrypted-document"}),
        ("a.zip", zipped([("a.txt", b"hello")]), {"archive"}),
        ("a.zip", zipped([("a/", b""), ("a/b", b"")], zipfile.ZIP_STORED), {"archive"}),
        ("a.zip", encrypted(), {"archive", "encrypted-archive"}),
        ("a.zip", encrypted("a.exe"), {"archive", "encrypted-archive", "executable"}),
        ("a.zip", zipped([("a/invoice.exe", PROGRAM)]), {"archive", "executable"}),
        ("a.zip", zipped([("setup.exe", b"no program at all")]), {"archive"}),
        ("a.zip", zipped([("a.doc", VBA)]), {"archive", "macro"}),
        ("a.zip", zipped([("a.zip", zipped([("a.zip", zipped([("b.lnk", LNK)]))]))]), {"archive", "shortcut"}),
        ("a.zip", zipped([("a.iso", ISO)]), {"archive", "disk-image"}),
        ("a.tar", tape("a.js", b"x=1"), {"archive", "script"}),
        ("a.tgz", gzip.compress(tape("a", PROGRAM)), {"archive", "executable"}),
        ("a.bz2", bz2.compress(PROGRAM), {"archive", "executable"}),
        ("a.xz", lzma.compress(PROGRAM), {"archive", "executable"}),
        ("a.iso", ISO, {"disk-image"}),
        ("a.vhd", b"\0" * 4096 + b"conectix" + b"\0" * 504, {"disk-image"}),
        ("a.img", b"\xeb\x3c\x90" + b"\0" * 51 + b"FAT12   " + b"\0" * 448, {"disk-image"}),
        ("a.htm", b"hello <script>", {"html"}),
        ("a", b"\xef\xbb\xbf <!-- x --> <!DOCTYPE html><p>", {"html"}),
        ("a.svg", b'<?xml version="1.0"?><!DOCTYPE svg><svg onload="x">', {"svg"}),
        ("a.lnk", LNK, {"shortcut"}),
        ("a.url", b"[InternetShortcut]\r\nURL=x", {"shortcut"}),
        ("a.one", b"\xe4R\\{\x8c\xd8\xa7M\xae\xb1Sx\xd0)\x96\xd3", {"notebook"}),
        ("a.pdf", PDF, set()),
        ("a.png", b"\x89PNG\r\n\x1a\n\0", set()),
        ("a.txt", b"hello", set()),
        ("a.exe", b"", set()),
    ],
)
def test_what_it_is(name: str, content: bytes, kinds: set[str]) -> None:
    assert attached(name, content) == (kinds, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("invoice.pdf", PROGRAM),
        ("invoice.pdf", zipped([("a.txt", b"x")])),
        ("photo.jpg", b"<html>"),
        ("a.txt", LNK),
        ("a.docx", zipped([*DOCX, ("word/vbaProject.bin", OLE)])),
        ("invoice.pdf.exe", PROGRAM),
        ("invoice.pdf .js", b"x=1"),
        ("invoice.pdf          .exe", PROGRAM),
        ("ecod\u202efdp.exe", PROGRAM),
        ("invoice.pdf.", PROGRAM),
        ("C:\\x.exe\\a.pdf", PROGRAM),
        ("=?utf-8?q?invoice=2Epdf?=", PROGRAM),
        ("scan.pdf.html", b"x"),
    ],
)
def test_a_name_that_lies(name: str, content: bytes) -> None:
    assert "disguised" in attached(name, content)[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.pdf.zip", zipped([("a.txt", b"x")])),
        ("setup.2.exe", PROGRAM),
        ("a.doc", VBA),
        ("a.pdf", b"no pdf at all"),
    ],
)
def test_a_name_that_does_not(name: str, content: bytes) -> None:
    assert "disguised" not in attached(name, content)[0]


def test_what_is_sent_as_a_text_or_deep_inside_is_found_as_well() -> None:
    assert looked(mail(PROGRAM, kind="text/plain"))[0] == {"executable"}
    inner = mixed(part(PROGRAM, "a.exe"))
    assert looked(mixed(b"Content-Type: message/rfc822\r\n\r\n" + inner))[0] == {"executable"}
    assert looked(mail("<!doctype html><p>#!", kind="text/html"))[0] == set()
    assert looked(mail("#!/bin/sh", kind="text/plain"))[0] == set()


def test_a_program_with_an_archive_behind_it_is_both() -> None:
    assert attached("a.exe", PROGRAM + zipped([("a.lnk", LNK)])) == ({"executable", "archive", "shortcut"}, True)
    assert attached("a.gif", b"GIF89a" + zipped([("a.js", b"x")]))[0] == {"archive", "script", "disguised"}


def bomb(size: int, depth: int) -> bytes:
    content = zipped([("a", b"\0" * size)])
    for _ in range(depth):
        content = zipped([(f"{n}.zip", content) for n in range(4)])
    return content


def lying(content: bytes) -> bytes:
    """A zip whose two lists of members differ: one says stored, the other packed."""
    changed = bytearray(content)
    struct.pack_into("<H", changed, changed.index(b"PK\x03\x04") + 8, 0)
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nested.zip", bomb(1_000_000, 6)),
        ("many.zip", zipped([(f"{n}", b"") for n in range(3000)])),
        ("a.gz", gzip.compress(b"\0" * 50_000_000)),
        ("a.rar", b"Rar!\x1a\x07\x01\0" + b"x" * 90),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + b"x" * 90),
        ("cut.zip", zipped([("a", bytes(range(256)) * 99)])[:200]),
        ("bad.gz", b"\x1f\x8b\x08" + b"x" * 90),
        ("lying.zip", lying(zipped([("a.exe", PROGRAM)]))),
        ("other.zip", zipped([("a", b"x" * 999)], zipfile.ZIP_BZIP2)),
        ("signs.zip", b"PK\x03\x04" * 20_000),
        ("deep.tar.gz", gzip.compress(tape("a.zip", bomb(100, 5)))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_looked_into_is_said(name: str, content: bytes) -> None:
    kinds, whole = attached(name, content)
    assert "archive" in kinds
    assert not whole


def test_a_bomb_does_not_go_off() -> None:
    """Of what is not an archive itself only the beginning is unpacked, which is enough to know it."""
    one = bomb(60_000_000, 0)
    wide = zipped([(f"{n}.zip", one) for n in range(9)])
    assert attached("wide.zip", wide) == ({"archive"}, True)
    assert attached("a.txt", bomb(1_000_000, 2)) == ({"archive", "disguised"}, True)


def test_encrypted_archives_of_other_kinds_are_known_by_their_beginning() -> None:
    assert "encrypted-archive" in attached("a.rar", b"Rar!\x1a\x07\0\0\0\x73\x80\0\x0d\0" + b"\0" * 9)[0]
    assert "encrypted-archive" in attached("a.rar", b"Rar!\x1a\x07\x01\0\0\0\0\0\x0d\x04\0" + b"\0" * 9)[0]
    assert "encrypted-archive" in attached("a.7z", b"7z\xbc\xaf\x27\x1c" + b"\0" * 99 + b"\x06\xf1\x07\x01\0")[0]


def test_a_finding_names_the_kind_and_nothing_of_the_file() -> None:
    (one,) = judged(mixed(part(zipped([("secret.exe", PROGRAM)]), "secret.zip")), attachments=["executable"])
    assert one.why == "An attachment is or holds a program."
    assert set(SENTENCES) == set(EVERY)


def test_a_packed_notebook_is_one_by_its_name() -> None:
    """It is an archive that cannot be opened here, and OneNote opens it."""
    message = mixed(part(b"MSCF" + b"\0" * 40, "a.onepkg"))
    assert found(message, attachments=["notebook"]) == {"attachments", "incomplete"}
