"""The program that reads one document, run as a process of its own because parsers of strangers' files can hang or burst.

`python -I -m memory.parsing KIND PATH NAME MEMORY_BYTES CPU_SECONDS` prints one JSON line per passage, `[text, page, line]`,
then `{"pages": n, "note": "...", "members": [names of the files in an archive]}`, or `{"problem": "..."}` in plain words. It
holds no secrets, limits itself before it opens the file, and writes nothing to disk.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import BadInput
from memory.chunking import MOST_PASSAGES, Piece, passages
from memory.readers import read_sections

TOO_MUCH_MEMORY = "{name} needs too much memory to be read. Split it into smaller files and give those."


def main(arguments: list[str]) -> None:
    kind, path, name, memory, seconds = arguments
    _limit(int(memory), int(seconds))
    try:
        found = read_sections(kind, Path(path), name)
        note = _write_all(passages(found.sections))
        names = found.members.names if found.members else []
        left_out = found.members.note if found.members else ""
        said = " ".join(filter(None, (found.note, left_out, note)))
        _write({"pages": len(names) or found.pages, "note": said, "members": names})
    except BadInput as problem:
        _write({"problem": str(problem)})
    except MemoryError:
        _write({"problem": TOO_MUCH_MEMORY.format(name=name)})


def _limit(memory: int, seconds: int) -> None:
    limits = (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    )
    for what, most in limits:
        resource.setrlimit(what, (most, most))


def _write_all(pieces: Iterable[Piece]) -> str:
    pieces = iter(pieces)
    for piece in islice(pieces, MOST_PASSAGES):
        _write(piece)
    return cut_note() if next(pieces, None) is not None else ""


def cut_note() -> str:
    """Say that a file was read in part."""
    return f"Only the beginning was read: the first {MOST_PASSAGES:,} passages."


def _write(line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
