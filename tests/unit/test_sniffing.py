"""Telling what a file is from its first bytes."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from memory.sniffing import SAMPLE, decode, sniff


@pytest.mark.parametrize(
    ("sample", "name", "kind"),
    [
        (b"%PDF-1.7\n...", "a.txt", "pdf"),
        (b"\n\n%PDF-1.4", "a", "pdf"),
        (b"PK\x03\x04rest", "a.docx", "zip"),
        (b"<!DOCTYPE html><p>x", "a.txt", "html"),
        (b"\xef\xbb\xbf <html>", "a", "html"),
        (b'<?xml version="1.0"?><html xmlns="x">', "a", "html"),
        (b'<?xml version="1.0"?><note/>', "a.xml", "text"),
        (b"<p>fragment</p>", "a.html", "html"),
        (b"<p>fragment</p>", "a.md", "text"),
        (b"plain", "report.pdf", "text"),
        ("größer\n".encode(), "a", "text"),
        ("größer\n".encode("cp1252"), "a", "text"),
        ("größer\n".encode("utf-16"), "a", "text"),
        (("ä" * SAMPLE).encode()[: SAMPLE - 1], "a", "text"),
    ],
)
def test_kinds_are_told_by_content(sample, name, kind):
    assert sniff(sample, name) == kind


@pytest.mark.parametrize("sample", [b"\x89PNG\r\n\x1a\n" + bytes(60), bytes(range(256)), b"\x00\x01\x02\x03"])
def test_binary_content_is_refused(sample):
    with pytest.raises(BadInput, match="can be kept, but not read as text"):
        sniff(sample, "a.txt")


def test_an_ascii_beginning_does_not_decide_the_encoding_of_the_rest():
    assert decode(b"a" * SAMPLE + "é".encode("cp1252")) == "a" * SAMPLE + "é"
    assert decode(b"a" * SAMPLE + "éü".encode() + b"\xff") == "a" * SAMPLE + "éü\ufffd"
