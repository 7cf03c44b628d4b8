"""Bytes of a web page into text: by its mark, by what the server said, by what the page says, else by what fits."""

from __future__ import annotations

import codecs
import re

# Only what pages are really written in: Python knows codecs that are no charsets, and some that are a way to hide things.
_KNOWN = re.compile(
    r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|(windows-|cp)(125\d|874|932|949|1361)|koi8-[ru]"
    r"|shift[_-]?jis|sjis|euc-?(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5(-hkscs)?|macintosh|tis-620"
)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,20})", re.IGNORECASE)
_XML = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_-]{2,20})", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(content: bytes, said: str = "", *, markup: bool = True) -> str:
    """Decode a page; what does not fit its charset becomes the replacement character. Newlines come out plain."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _plain(content[len(mark) :].decode(name, "replace"))
    name = _usable(said) or (_of_markup(content[:4096]) if markup else "") or _guessed(content)
    return _plain(content.decode(name, "replace"))


def _usable(name: str) -> str:
    name = name.strip().lower()
    if not _KNOWN.fullmatch(name):
        return ""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    return "cp1252" if found in ("iso8859-1", "ascii") else found  # as browsers do


def _of_markup(head: bytes) -> str:
    found = _META.search(head) or _XML.search(head)
    name = _usable(found[1].decode("ascii")) if found else ""
    return "utf-8" if name.startswith("utf-16") else name  # or the declaration could not have been read


def _guessed(content: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)  # tolerates a character cut at the end
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
