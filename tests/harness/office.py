"""Older Office documents and the like, put together sector by sector ([MS-CFB]); and PDFs, object by object."""

import struct
from collections.abc import Iterable, Mapping
from itertools import pairwise

SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
# Shorter streams stand in a stream of their own.
MIN_STREAM_BYTES = 4096


def compound(streams: Mapping[str, bytes], clsid: bytes = bytes(16)) -> bytes:
    """A file of streams by their paths ("Macros/VBA/dir"); the short ones are filled up with NUL."""
    entries: list[list[object]] = [["Root Entry", 5, FREE, FREE, clsid, END, 0]]
    children: dict[str, list[int]] = {"": []}
    data, at = b"", 0
    for path, content in streams.items():
        folder = ""
        *above, name = path.split("/")
        for step in above:
            inner = f"{folder}/{step}"
            if inner not in children:
                children[inner] = []
                children[folder].append(len(entries))
                entries.append([step, 1, FREE, FREE, bytes(16), END, 0, inner])
            folder = inner
        filled = content.ljust(MIN_STREAM_BYTES, b"\0")
        children[folder].append(len(entries))
        entries.append([name, 2, FREE, FREE, bytes(16), at, len(filled)])
        data += filled.ljust(-(-len(filled) // SECTOR) * SECTOR, b"\0")
        at = len(data) // SECTOR
    for folder, kids in children.items():
        owner = 0 if not folder else next(n for n, entry in enumerate(entries) if entry[-1] == folder)
        entries[owner][3] = kids[0] if kids else FREE
        for one, following in pairwise(kids):
            entries[one][2] = following
    directory = b"".join(_entry(*entry[:7]) for entry in entries)
    directory = directory.ljust(-(-len(directory) // SECTOR) * SECTOR, b"\0")
    return _file(data, entries, directory)


def _entry(
    name: object, kind: object, right: object, child: object, clsid: object, start: object, size: object
) -> bytes:
    text = f"{name}\0".encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16s20sIQ", text, len(text), kind, 1, FREE, right, child, clsid, bytes(20), start, size
    )


def _file(data: bytes, entries: Iterable[list[object]], directory: bytes) -> bytes:
    streams, folders = len(data) // SECTOR, len(directory) // SECTOR
    tables = -(-(streams + folders + 8) // (SECTOR // 4))
    chain = [at + 1 for at in range(streams)]
    for entry in entries:
        if entry[1] == 2:
            chain[int(str(entry[5])) + -(-int(str(entry[6])) // SECTOR) - 1] = END
    chain += [streams + at + 1 for at in range(folders)]
    chain[-1] = END
    chain += [FAT] * tables
    chain += [FREE] * (tables * SECTOR // 4 - len(chain))
    first = streams + folders
    listed = [first + at for at in range(tables)]
    head = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        bytes(16),
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        bytes(6),
        0,
        tables,
        streams,
        0,
        MIN_STREAM_BYTES,
        END,
        0,
        END,
        0,
        0,
    )[:76]
    head += struct.pack("<109I", *(listed + [FREE] * (109 - tables)))
    return head.ljust(SECTOR, b"\0") + data + directory + struct.pack(f"<{len(chain)}I", *chain)


def document(*objects: str, trailer: str = "/Root 1 0 R") -> bytes:
    """A PDF of objects, which are counted from 1."""
    content, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = len(content)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + f"trailer <</Size {len(objects) + 1} {trailer}>>\nstartxref\n{table}\n%%EOF\n".encode()
