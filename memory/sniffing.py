"""What a file really is, told from its first bytes; its name only decides between kinds of text. Pure."""

from __future__ import annotations

import codecs
from typing import Literal

from core.errors import BadInput

Kind = Literal["pdf", "zip", "ole", "html", "text"]

SAMPLE = 8192
"""Bytes of a file's beginning that are looked at."""

_SHOWN = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_PICTURES = (*_SHOWN, b"BM", b"II*\x00", b"MM\x00*")
_HTML_STARTS = ("<!doctype html", "<html", "<head", "<body")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16"}
_MARKS |= {codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_BE: "utf-16"}


def sniff(sample: bytes, name: str) -> Kind:
    """Tell the kind of a file from its beginning; raises BadInput, in plain words, for what has no text."""
    if not sample:
        raise BadInput(f"{name} is empty.")
    if b"%PDF-" in sample[:1024]:
        return "pdf"
    if sample.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if sample.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "ole"
    if sample.startswith(b"{\\rtf"):
        raise BadInput(f"{name} is an RTF document, which cannot be read. Save it as .docx or PDF and give it again.")
    if encoding_of(sample) is None:
        thing = "a picture" if _is_picture(sample) else "not a text document"
        seen = " Models that can see are shown it." if sample.startswith(_SHOWN) or _is_webp(sample) else ""
        raise BadInput(f"{name} is {thing}: it can be kept, but not read as text.{seen}")
    return "html" if _is_html(sample, name) else "text"


def _is_webp(sample: bytes) -> bool:
    return sample.startswith(b"RIFF") and sample[8:12] == b"WEBP"


def _is_picture(sample: bytes) -> bool:
    return sample.startswith(_PICTURES) or _is_webp(sample)


def encoding_of(sample: bytes) -> str | None:
    """Name the encoding a text seems to have (by its mark, else UTF-8, else Windows-1252); None if it is no text."""
    for mark in sorted(_MARKS, key=len, reverse=True):
        if sample.startswith(mark):
            return _MARKS[mark]
    strange = sum(byte < 9 or 13 < byte < 27 for byte in sample)
    if strange > max(len(sample) // 100, 1):
        return None
    if _is_utf8(sample, whole=len(sample) < SAMPLE):
        return "utf-8"
    return None if strange else "cp1252"


def decode(content: bytes) -> str:
    """Decode text; a byte that does not fit its encoding becomes the replacement character."""
    encoding = encoding_of(content[:SAMPLE]) or "utf-8"
    if encoding == "utf-8" and not _is_utf8(content, whole=True):  # the beginning was plain ASCII and told nothing
        encoding = "cp1252"
    return content.decode(encoding, "replace")


def _is_utf8(content: bytes, *, whole: bool) -> bool:
    """Tell UTF-8, also with a few broken bytes: then whole characters beyond ASCII outnumber what does not fit."""
    # Where more follows, the decoder waits for it and leaves a character cut off at the end alone.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(content, whole)
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return beyond_ascii >= 2 * text.count("\ufffd")


def _is_html(sample: bytes, name: str) -> bool:
    start = decode(sample).lstrip("\ufeff \t\r\n").lower()
    if start.startswith(_HTML_STARTS):
        return True
    if start.startswith(("<?xml", "<!--")):
        return "<html" in start
    return name.lower().endswith((".html", ".htm", ".xhtml")) and "</" in start
