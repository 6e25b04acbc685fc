"""What files are: one table of names, one of beginnings, one of texts. What the formats' own readers say comes on top.

The names are those that mail services block, and those that Windows or macOS run or follow by a double click:
support.google.com/mail/answer/6590, and "Blocked attachments in Outlook" on support.microsoft.com.
"""

import re
from collections.abc import Mapping

from shared.protection.inspection.conditions import Attachment


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMED: Mapping[Attachment, frozenset[str]] = {
    "executable": _names(
        """
        a3x air apk app appimage appx appxbundle chm class com cpl crx deb diagcab dll drv efi ex ex_ exe fxp gadget hlp
        ipa its jar lib mpkg msi msix msixbundle msp mst msu ocx pif pkg ppkg prg pyo pyz pyzw rpm run scr so sys vsix
        vxd war wll xll xpi
        """
    ),
    "script": _names(
        """
        action ahk applescript application asp aspx au3 bas bash bat cdxml cgi cjs cmd cnt command csh diagcfg diagpkg
        fish hpj hta htc inf ins isp job js jse jsp jsx ksh lua mjs msc msh msh1 msh1xml msh2 msh2xml mshxml nsh ops osd
        pcd php pl plg ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 psm1 pssc py pyc pyw rb reg rgs scpt scptd sct sh shb
        shs tcl terminal tool vb vbe vbp vbs vbscript vsmacros vsto vsw workflow ws wsb wsc wsf wsh xbap zsh
        """
    ),
    "shortcut": _names(
        """
        afploc appcontent-ms appinstaller appref-ms asx contact deskthemepack desktop dqy fileloc flatpakref ftploc grp
        inetloc iqy jnlp library-ms lnk mad maf mag mam maq mar mas mat mau mav maw mcf mobileconfig mobileprovision oqy
        pbk prf printerexport rdp rqy scf search-ms searchconnector-ms settingcontent-ms theme themepack udl url vncloc
        webloc webpnp website xnk
        """
    ),
    "macro": _names("accda accde accdr accdu ade adp mda mdb mde mdt mdw mdz slk xlm"),
    "disk-image": _names("dmg hdd img iso sparseimage udf vdi vhd vhdx vmdk wim"),
    "notebook": _names("one onepkg onetoc2"),
    "html": _names("htm html mht mhtm mhtml shtml xht xhtm xhtml"),
    "svg": _names("svg"),
}
PAGES = NAMED["html"]
# A browser, or Windows in its place, opens these as pages whatever they hold.
OPENED_WHATEVER = PAGES | {"svg", "hta"}
# Text in which HTML may stand, also at the beginning; no browser shows it as a page.
MARKDOWN = frozenset({"markdown", "md", "mdown", "mkd"})
# The ending that a mail program gives to a file without a name.
BY_TYPE: Mapping[str, str] = {
    "application/hta": "hta",
    "application/javascript": "js",
    "application/x-javascript": "js",
    "text/javascript": "js",
    "text/vbscript": "vbs",
    "application/x-sh": "sh",
    "application/x-ms-shortcut": "lnk",
    "application/x-mswinurl": "url",
    "application/rdp": "rdp",
    "application/x-rdp": "rdp",
    "application/x-java-jnlp-file": "jnlp",
    "application/x-apple-aspen-config": "mobileconfig",
}
# What a text can be only as a file; by its name it is one even if it looks like nothing.
ON_SIGHT: frozenset[Attachment] = frozenset({"html", "svg", "script", "shortcut"})
OLD_OFFICE = frozenset({"doc", "dot", "pot", "pps", "ppt", "pub", "vsd", "xls", "xlt"})
OFFICE = frozenset({"docx", "potx", "ppsx", "pptx", "xlsx"})
# They are zips; by another name the same content is opened as a zip.
ZIPPED = OFFICE | _names(
    """
    docm dotm dotx epub odg odp ods odt potm ppam ppsm pptm vsdm vsdx xlam xlsb xlsm xltm xltx pages numbers key
    """
)
ARCHIVES = frozenset(
    {"7z", "ace", "arj", "bz2", "cab", "gz", "jar", "lzh", "rar", "tar", "tgz", "xz", "z", "zip", "zipx"}
)
HARMLESS = (
    OLD_OFFICE
    | OFFICE
    | _names(
        """
        avi bmp csv eml gif heic ics jpeg jpg json log md mov mp3 mp4 msg odp ods odt pdf png rtf tif tiff txt vcf wav
        webp xml
        """
    )
)
# What some harmless names may hold in themselves without being something else.
ALLOWED: Mapping[str, frozenset[Attachment]] = {
    **dict.fromkeys(OLD_OFFICE | {"odp", "ods", "odt"}, frozenset[Attachment]({"macro"})),
    "pdf": frozenset({"script"}),
    "rtf": frozenset({"macro"}),
}

SIGNATURES: tuple[tuple[int, bytes, Attachment], ...] = (
    (0, b"MZ", "executable"),
    # The test that each scanner of programs must find: a program made of letters (eicar.org).
    (0, b"X5O!P%@AP[4" + bytes([92]) + b"PZX54(P^)7CC)7}", "executable"),
    (0, b"\x7fELF", "executable"),
    (0, b"\xca\xfe\xba\xbe", "executable"),
    (0, b"\xfe\xed\xfa\xce", "executable"),
    (0, b"\xfe\xed\xfa\xcf", "executable"),
    (0, b"\xce\xfa\xed\xfe", "executable"),
    (0, b"\xcf\xfa\xed\xfe", "executable"),
    (0, b"dex\n", "executable"),
    (0, b"ITSF", "executable"),
    (0, b"xar!", "executable"),
    (0, b"Cr24", "executable"),
    (0, b"!<arch>\ndebian", "executable"),
    (0, b"\xed\xab\xee\xdb", "executable"),
    (0, b"?_\x03\0", "executable"),
    (0, b"L\0\0\0\x01\x14\x02\0", "shortcut"),
    (0, b"\xe4R\\{\x8c\xd8\xa7M\xae\xb1Sx\xd0)\x96\xd3", "notebook"),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", "notebook"),
    (0, b"PK\x03\x04", "archive"),
    (0, b"Rar!\x1a\x07", "archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "archive"),
    (0, b"\x1f\x8b", "archive"),
    (0, b"BZh", "archive"),
    (0, b"\xfd7zXZ\0", "archive"),
    (0, b"\x1f\x9d", "archive"),
    (0, b"\x1f\xa0", "archive"),
    (0, b"(\xb5/\xfd", "archive"),
    (0, b'\x04"M\x18', "archive"),
    (0, b"LZIP", "archive"),
    (0, b"]\0\0", "archive"),
    (0, b"MSCF", "archive"),
    (0, b"ISc(", "archive"),
    (0, b"ZOO ", "archive"),
    (0, b"!<arch>\n", "archive"),
    (0, b"SIT!", "archive"),
    (0, b"StuffIt ", "archive"),
    (0, b"ALZ\x01", "archive"),
    (0, b"EGGA", "archive"),
    (0, b"070701", "archive"),
    (0, b"070707", "archive"),
    (7, b"**ACE**", "archive"),
    (2, b"-lh", "archive"),
    (2, b"-lz", "archive"),
    (0, b"\x60\xea", "archive"),
    (257, b"ustar", "archive"),
    (0x8001, b"CD001", "disk-image"),
    (0x8801, b"CD001", "disk-image"),
    (0x9001, b"CD001", "disk-image"),
    (0x8001, b"BEA01", "disk-image"),
    (0, b"conectix", "disk-image"),
    (0, b"vhdxfile", "disk-image"),
    (512, b"EFI PART", "disk-image"),
    (0, b"KDMV", "disk-image"),
    (0, b"QFI\xfb", "disk-image"),
    (0, b"MSWIM\0\0\0", "disk-image"),
    (54, b"FAT1", "disk-image"),
    (82, b"FAT32", "disk-image"),
    (3, b"NTFS    ", "disk-image"),
    (3, b"EXFAT   ", "disk-image"),
    (-512, b"conectix", "disk-image"),
    (-512, b"koly", "disk-image"),
    (64, b"\x7f\x10\xda\xbe", "disk-image"),
    (4, b"Standard Jet DB", "macro"),
    (4, b"Standard ACE DB", "macro"),
    (0, b"ID;P", "macro"),
    (0, b"ActiveMime", "macro"),
)
# What may stand before the first element of a page; each piece is given up whole, or hostile ones take for ever.
PROLOG = r"\s*(?:(?><!--.*?-->|<\?.*?>|<!doctype (?!html).*?>)\s*)*+"
TEXTS: tuple[tuple[re.Pattern[str], Attachment], ...] = (
    (re.compile(r"\s*(?:#!|@echo off|#@~\^|windows registry editor|regedit4)", re.S), "script"),
    (re.compile(r".*?<hta:application", re.S), "script"),
    (re.compile(PROLOG + r"<(?:mmc_consolefile|job[\s>]|scriptlet[\s>]|package>\s*<job)", re.S), "script"),
    (re.compile(PROLOG + r"<(?:[\w-]{1,40}:)?svg[\s>/:]", re.S), "svg"),
    (
        re.compile(r"\s*\[(?:internetshortcut|desktop entry|shell|\.shellclassinfo)\][ \t]*(?:[\r\n;]|\Z)", re.S),
        "shortcut",
    ),
    (re.compile(r"\s*(?:web|odbc)\r?\n1\r?\n(?:https?:|\\\\|[a-z]+=)", re.S), "shortcut"),
    (
        re.compile(r"(?:[a-z ]+:[isb]:[^\r\n]*\r?\n)*?(?:(?:alternate )?full address|remoteapplicationmode):[is]:"),
        "shortcut",
    ),
    (
        re.compile(
            PROLOG + r"<(?:searchconnectordescription|librarydescription|(?:jnlp|pcsettings|appinstaller)[\s>])", re.S
        ),
        "shortcut",
    ),
    # A profile that sets up a Mac or a telephone.
    (re.compile(PROLOG + r"<plist[\s>].{0,3000}<key>payload(?:content|type)</key>", re.S), "shortcut"),
    (
        re.compile(
            PROLOG + r"<(?:!doctype html|(?:html|head|body|script|title|meta|style|table|div|form|iframe|img|font|"
            r"center|h1|p|a|br|base|svg:svg|[\w-]{1,40}:html)[\s>/])",
            re.S,
        ),
        "html",
    ),
)
# The letters that turn the direction of reading round: "exe.fdp" becomes "pdf.exe".
TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def extension(name: str) -> str:
    """The ending of a file's name as a system takes it, in small letters; "" if there is none."""
    return parts_of_name(name)[-1] if "." in name else ""


def parts_of_name(name: str) -> list[str]:
    """A file's name at its dots. Windows passes over dots and spaces at its end."""
    base = re.split(r"[/\\]", TURNING.sub("", name))[-1].lower().rstrip(" .\0")
    return [part.strip() for part in base.split(".")]


def named(name: str) -> set[Attachment]:
    """What a file is by its name alone."""
    ending = extension(name)
    return {kind for kind, endings in NAMED.items() if ending in endings}


def signed(content: bytes) -> set[Attachment]:
    """What a file is by bytes that stand at a place of their own."""
    return {kind for at, sign, kind in SIGNATURES if _has(content, at, sign)}


def sniffed(content: bytes) -> set[Attachment]:
    """What a text is by how it begins; nothing if it is none. A browser passes NUL over in what begins with <."""
    text = text_of(content)
    if text is None and (bare := content[:4096].replace(b"\0", b"")).lstrip()[:1] == b"<":
        text = text_of(bare)
    return {kind for sign, kind in TEXTS if sign.match(text)} if text else set()


def text_of(content: bytes) -> str | None:
    """The beginning of a text in small letters; None if it is none."""
    head = content[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) & ~1].decode("utf-16", "replace").lower()
    if not head or b"\0" in head or len(head.translate(None, bytes(range(1, 8)) + bytes(range(14, 27)))) < len(head):
        return None
    return head.decode("utf-8-sig", "replace").lower()


def _has(content: bytes, at: int, sign: bytes) -> bool:
    at = at if at >= 0 else len(content) + at
    if sign in (
        b"MZ",
        b"BZh",
        b"]\0\0",
        b"ID;P",
        b"Cr24",
        b"ZOO ",
        b"LZIP",
        b"SIT!",
        b"EGGA",
        b"StuffIt ",
    ) and content.startswith(sign):
        # A text may begin with the same letters.
        return sign == b"ID;P" or text_of(content) is None
    return at >= 0 and content.startswith(sign, at)
