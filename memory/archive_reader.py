"""The files in a ZIP archive, read one by one inside the process of `parsing`: each that has text is a page of its own.

Archives in archives are not opened. What cannot be read is left out and counted; limits on entries and bytes were checked before.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from core.errors import BadInput
from memory.chunking import Section, clean
from memory.sniffing import SAMPLE, decode, sniff

MOST_OF_ONE = 20_000_000
"""Bytes of one file in an archive; a larger one is left out."""
MOST_READ = 2_000
"""Files of one archive that are read."""
_LONGEST_NAME = 200
# What the libraries let through on damaged files.
_BROKEN = (
    *(BadInput, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError),
    *(RuntimeError, IndexError, SyntaxError),
)
Readers = Mapping[str, Callable[[IO[bytes], str], str]]


class Members:
    """Reads the files of one archive; afterwards `names` holds those read, in order, and `left_out` counts the others."""

    def __init__(self, archive: zipfile.ZipFile, name: str, readers: Readers) -> None:
        self._archive, self._name, self._readers = archive, name, readers
        self.names: list[str] = []
        self.left_out = 0

    def sections(self) -> Iterator[Section]:
        """Give the text of each file under its name; raises BadInput if there is no text at all."""
        for entry in self._archive.infolist():
            if entry.is_dir():
                continue
            text = self._text(entry) if len(self.names) < MOST_READ else ""
            if not text.strip():
                self.left_out += 1
                continue
            self.names.append(_plain(entry.filename))
            yield Section(
                f"# {self.names[-1]}\n{text}", len(self.names), line=0
            )  # the name stands above the first line
        if not self.names:
            raise BadInput(
                f"{self._name} is a ZIP archive without any text that can be searched: operators can open it with their tools."
            )

    @property
    def note(self) -> str:
        """Say what is missing."""
        files = "1 file of the archive has" if self.left_out == 1 else f"{self.left_out:,} files of the archive have"
        return f"{files} no text that can be searched, or could not be read." if self.left_out else ""

    def _text(self, entry: zipfile.ZipInfo) -> str:
        if entry.file_size > MOST_OF_ONE:
            return ""
        try:
            with self._archive.open(entry) as file:
                content = file.read(MOST_OF_ONE + 1)
            name = _plain(entry.filename)
            kind = sniff(content[:SAMPLE], name)
            return decode(content) if kind == "text" else self._readers[kind](io.BytesIO(content), name)
        except _BROKEN:
            return ""


def _plain(name: str) -> str:
    """Write a name, which a stranger chose, as one line without anything invisible."""
    return "".join(c if c.isprintable() else " " for c in clean(name))[-_LONGEST_NAME:]
