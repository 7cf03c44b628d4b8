"""Archives made to do harm: each is one trick, as bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable

MANY = 501


def zipped(*entries: tuple[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, method)
    return made.getvalue()


def tarred(*members: tuple[str, bytes] | tarfile.TarInfo, packed: Callable[[bytes], bytes] = bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            content = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed(made.getvalue())


def special(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def _renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return content.replace(old, new)


def _lying_size() -> bytes:
    """A zip whose directory says that a file has ten bytes, and that has ten million."""
    content = bytearray(zipped(("a.txt", b"\0" * 9_000_000)))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 10)
    content[22:26] = struct.pack("<I", 10)
    return bytes(content)


def _overlapping() -> bytes:
    """A zip whose two entries are the same bytes."""
    content = zipped(("a.txt", b"x" * 5_000), ("b.txt", b"x" * 5_000))
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 1)
    patched = bytearray(content)
    patched[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(patched)


def _encrypted() -> bytes:
    content = bytearray(zipped(("a.txt", b"secret")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _other_name_inside() -> bytes:
    """The directory says report.txt, the entry itself says ../../x.txt."""
    content = zipped(("report.txt", b"x"))
    return content.replace(b"report.txt", b"../../x.tx", 1)


def _sparse() -> bytes:
    made = io.BytesIO()
    info = special("a.txt", tarfile.GNUTYPE_SPARSE)
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(info)
    return made.getvalue()


def _huge_pax() -> bytes:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"comment": "x" * 70_000_000}
    return tarred(info, packed=gzip.compress)


def _negative() -> bytes:
    content = bytearray(tarred(("a.txt", b"x")))
    content[124:136] = b"\xff" * 11 + b"\xf0"
    total = sum(content[:148]) + 8 * 32 + sum(content[156:512])
    content[148:156] = b"%06o\0 " % total
    return bytes(content)


ZEROS = b"\0" * 70_000_000
HOSTILE: dict[str, bytes] = {
    "zip up and out": zipped(("../../outside.txt", b"x")),
    "zip absolute": zipped(("/tmp/outside.txt", b"x")),
    "zip drive": zipped(("C:/outside.txt", b"x")),
    "zip backslash": zipped(("..\\..\\outside.txt", b"x")),
    "zip dot inside": zipped(("a/./b.txt", b"x")),
    "zip nul in a name": _renamed(zipped(("goodXbad.txt", b"x")), b"goodXbad", b"good\0bad"),
    "zip newline in a name": zipped(("a\nb.txt", b"x")),
    "zip direction in a name": zipped(("invoice\u202efdp.exe", b"x")),
    "zip invisible in a name": zipped(("a\u200bb.txt", b"x")),
    "zip link": zipped(("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "zip device": zipped(("a", b""), mode=stat.S_IFBLK | 0o666),
    "zip fifo": zipped(("a", b""), mode=stat.S_IFIFO | 0o666),
    "zip twice the same": zipped(("a.txt", b"1"), ("a.txt", b"2")),
    "zip same but for case": zipped(("Read.me", b"1"), ("README"[:4] + ".me", b"2")),
    "zip same but for form": zipped(("ﬁle.txt", b"1"), ("file.txt", b"2")),
    "zip file and folder": zipped(("a", b"1"), ("a/b.txt", b"2")),
    "zip folder and file": zipped(("a/b.txt", b"2"), ("a", b"1")),
    "zip git hook": zipped((".git/hooks/post-checkout", b"x")),
    "zip device of Windows": zipped(("aux.txt", b"x")),
    "zip stream of Windows": zipped(("a.txt:hidden", b"x")),
    "zip too many": zipped(*((f"{n}.txt", b"x") for n in range(MANY))),
    "zip too deep": zipped(("/".join("abcdefghijkl"), b"x")),
    "zip long name": zipped(("x" * 300, b"x")),
    "zip bomb": zipped(("a.txt", ZEROS)),
    "zip bomb in pieces": zipped(*((f"{n}.txt", ZEROS[:9_900_000]) for n in range(8))),
    "zip lying about size": _lying_size(),
    "zip overlapping": _overlapping(),
    "zip password": _encrypted(),
    "zip lzma": zipped(("a.txt", b"x"), method=zipfile.ZIP_LZMA),
    "zip other name inside": _other_name_inside(),
    "zip wrong checksum": zipped(("a.txt", b"hello hello"), method=zipfile.ZIP_STORED).replace(b"hello hello", b"hello hellO"),
    "zip cut": zipped(("a.txt", random.Random(1).randbytes(9_000)))[:-500],
    "zip of nothing": zipped(),
    "zip only folders": zipped(("a/", b"")),
    "zip folder with content": zipped(("a/", b"hidden"), ("b.txt", b"x")),
    "tar up and out": tarred(("../outside.txt", b"x")),
    "tar absolute": tarred(("/tmp/outside.txt", b"x")),
    "tar link": tarred(special("a", tarfile.SYMTYPE, "/etc/passwd")),
    "tar link and through it": tarred(special("a", tarfile.SYMTYPE, "/tmp"), ("a/outside.txt", b"x")),
    "tar hard link": tarred(special("a", tarfile.LNKTYPE, "/etc/passwd")),
    "tar hard link upwards": tarred(("b", b"x"), special("a", tarfile.LNKTYPE, "../../b")),
    "tar device": tarred(special("a", tarfile.CHRTYPE)),
    "tar block device": tarred(special("a", tarfile.BLKTYPE)),
    "tar fifo": tarred(special("a", tarfile.FIFOTYPE)),
    "tar sparse": _sparse(),
    "tar twice the same": tarred(("a.txt", b"1"), ("./a.txt", b"2")),
    "tar same but for case": tarred(("A.txt", b"1"), ("a.TXT", b"2")),
    "tar bad bytes in a name": _renamed(tarred(("goodXbad.txt", b"x")), b"goodXbad", b"good\xffbad"),
    "tar negative size": _negative(),
    "tar too many": tarred(*((f"{n}.txt", b"x") for n in range(MANY))),
    "tar gz bomb": tarred(("a.txt", ZEROS), packed=gzip.compress),
    "tar bz2 bomb": tarred(("a.txt", ZEROS), packed=bz2.compress),
    "tar xz bomb": tarred(("a.txt", ZEROS), packed=lzma.compress),
    "tar xz memory": lzma.compress(tarred(("a.txt", b"x")), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]),
    "tar gz bomb in a header": _huge_pax(),
    "tar gz cut": tarred(("a.txt", random.Random(2).randbytes(90_000)), packed=gzip.compress)[:-400],
    "tar gz of tar gz": gzip.compress(gzip.compress(tarred(("a.txt", b"x")))),
    "gz of nothing of the kind": gzip.compress(b"just a text"),
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(100),
    "7z": b"7z\xbc\xaf'\x1c" + bytes(100),
    "nothing": b"",
    "noise": random.Random(3).randbytes(5_000),
    "noise that begins like a zip": b"PK\x03\x04" + random.Random(4).randbytes(5_000),
}  # fmt: skip
