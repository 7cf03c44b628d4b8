"""The files of a conversation as its operators see them: what the user gave and what was written, each by one name."""

from __future__ import annotations

import itertools
import mimetypes
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from core.errors import NoSuchFile, NotFound
from core.missions import Attachment
from core.ports import Blobs, ToolContext
from tools.beneath import by_steps, open_regular
from tools.workspace import Workspace, Workspaces


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One file: the name operators use, its size in bytes, and the attachment it is (None: it is in the workspace)."""

    name: str
    size: int
    attachment: Attachment | None
    opened: Callable[[], BinaryIO]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @property
    def cited_as(self) -> str:
        """The name people know it by."""
        return self.attachment.name if self.attachment else self.name

    @property
    def origin_id(self) -> str:
        return self.attachment.id if self.attachment else ""


class Folder:
    """What one tool call can reach: the attachments of its context and the workspace of its conversation."""

    def __init__(self, blobs: Blobs, workspace: Workspace, attachments: Sequence[Attachment]) -> None:
        self._blobs, self.workspace, self._attachments = blobs, workspace, attachments

    def files(self) -> list[NamedFile]:
        """List all files, attachments first. Blocking.

        Where names collide the newest attachment has the plain name and the others get a number: "sales (2).csv".
        """
        taken: set[str] = set()
        given = [self._given(a, _free(a.name, taken)) for a in _newest_first(self._attachments)]
        written = [self._written(f.name, _free(f.name, taken), f.size) for f in self.workspace.files()]
        return [*reversed(given), *written]

    def find(self, name: str) -> NamedFile:
        """Find a file by the name it is listed under; raises NotFound that names the files there are. Blocking."""
        files = self.files()
        for same in (str, _loosely):
            for file in files:
                if same(file.name) == same(name):
                    return file
        words = f"There is no file {name[:200]!r} in this conversation. Files: "
        if not files:
            raise NotFound(f"{words}none yet.")
        raise NoSuchFile(f"{words}{', '.join(file.name for file in files[:30])}.")

    def is_given(self, name: str) -> bool:
        """Say whether the user gave a file of this name."""
        return any(_loosely(attachment.name) == _loosely(name) for attachment in self._attachments)

    def _given(self, attachment: Attachment, name: str) -> NamedFile:
        return NamedFile(name, attachment.size, attachment, lambda: self._open_blob(attachment))

    def _written(self, stored: str, name: str, size: int) -> NamedFile:
        return NamedFile(name, size, None, lambda: self.workspace.read(stored))

    def _open_blob(self, attachment: Attachment) -> BinaryIO:
        path = self._blobs.path(attachment.hash)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return os.fdopen(open_regular(by_steps, folder, path.name), "rb")
        finally:
            os.close(folder)


class Folders:
    """Gives each tool call its Folder."""

    def __init__(self, blobs: Blobs, workspaces: Workspaces) -> None:
        self._blobs, self._workspaces = blobs, workspaces

    def of(self, context: ToolContext) -> Folder:
        return Folder(self._blobs, self._workspaces.of(context.conversation_id), context.attachments)


def mime_of(name: str) -> str:
    """Guess a file's type from its name."""
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def _newest_first(attachments: Sequence[Attachment]) -> Iterator[Attachment]:
    """Walk from the latest attachment back; the same content given again under the same name counts once."""
    seen: set[tuple[str, str]] = set()
    for attachment in reversed(attachments):
        if (key := (attachment.name, attachment.hash)) not in seen:
            seen.add(key)
            yield attachment


def _free(name: str, taken: set[str]) -> str:
    free = next(candidate for candidate in _numbered(name) if _loosely(candidate) not in taken)
    taken.add(_loosely(free))
    return free


def _numbered(name: str) -> Iterator[str]:
    yield name
    suffix = PurePosixPath(name).suffix
    yield from (f"{name.removesuffix(suffix)} ({number}){suffix}" for number in itertools.count(2))


def _loosely(name: str) -> str:
    """Fold what people do not see as a difference: case, and how an accent is encoded."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
