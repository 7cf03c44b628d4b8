"""A folder per conversation where operators keep files; names are data from a model and are trusted with nothing."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput, NotFound, ToolFailure
from tools.beneath import Opener, best_opener, open_regular
from tools.clearing import clear, unlock

LARGEST = 10_000_000  # bytes of one file
QUOTA = 200_000_000  # bytes of one conversation
MOST_FILES = 1_000
DEEPEST = 8
LONGEST_PART = 200  # bytes
_UNFINISHED = ".writing-"
_STALE = 3600  # seconds after which an unfinished file belongs to a process that is gone
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class WorkspaceFile:
    """One file as listed: its name with '/' between folders, its size in bytes, and a mark that differs after each change."""

    name: str
    size: int
    mark: tuple[int, int] = field(default=(0, 0), compare=False)


class Workspaces:
    """All workspaces under one folder, `<root>/<conversation id>/`."""

    def __init__(self, root: Path, opener: Opener | None = None) -> None:
        self._root = root
        self._opener = opener
        self._writing = threading.Lock()  # so that two writes cannot both take the last of a quota

    def of(self, conversation_id: str) -> Workspace:
        """Give the workspace of a conversation; nothing is created before the first write."""
        self._opener = self._opener or best_opener()
        return Workspace(self._folder(conversation_id), self._opener, self._writing)

    def remove(self, conversation_id: str) -> None:
        """Delete a conversation's workspace with everything in it; harmless if there is none."""
        with suppress(FileNotFoundError):
            clear(self._folder(conversation_id))

    def _folder(self, conversation_id: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", conversation_id):
            raise NotFound("There is no such conversation.")
        return self._root / conversation_id


class Workspace:
    """The files of one conversation. Blocking: call it from a thread."""

    def __init__(self, folder: Path, opener: Opener, writing: threading.Lock) -> None:
        self._path, self._open, self._writing = folder, opener, writing

    def read(self, name: str) -> BinaryIO:
        """Open a file for reading; raises NotFound, or BadInput for what is no ordinary file or a forbidden name."""
        name = checked_name(name)
        try:
            with self._folder() as root:
                return os.fdopen(open_regular(self._open, root, name), "rb")
        except OSError as error:
            raise NotFound(f"There is no file {name} in the workspace.") from error

    def files(self) -> list[WorkspaceFile]:
        """List every ordinary file that has a name one can use, by name; programs may have left others."""
        return [file for file in self.everything() if usable(file.name)]

    def place(self) -> Path:
        """Give the folder itself, for programs that run in the sandbox; it exists afterwards, and we may enter it."""
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.chmod(0o700)  # a program may have locked it; the path to it is ours alone
        return self._path.absolute()

    def everything(self) -> list[WorkspaceFile]:
        """List every ordinary file by name, also those whose names nobody can use."""
        try:
            with self._folder() as root:
                return sorted(self._walk(root, "", 1), key=lambda file: file.name)
        except FileNotFoundError:
            return []

    def write(self, name: str, content: bytes) -> WorkspaceFile:
        """Store a file whole or not at all, over an older one of the same name; raises BadInput or ToolFailure."""
        name = checked_name(name)
        if len(content) > LARGEST:
            raise BadInput(f"{name} would have {len(content):,} bytes; a file may have {LARGEST:,}. Write it in parts.")
        try:
            with self._writing:
                self.place()
                self._check_quota(name, len(content))
                with self._folder() as root, self._parent(root, name) as folder:
                    _replace(folder, name.rsplit("/", 1)[-1], content)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise ToolFailure(f"{name} could not be written ({reason}). Try another name.") from error
        return WorkspaceFile(name, len(content))

    def remove(self, name: str) -> None:
        """Delete a file, and the folders that are empty then; harmless if there is none. Raises BadInput or ToolFailure."""
        *folders, last = checked_name(name).split("/")
        with suppress(FileNotFoundError), self._writing, self._folder() as root, ExitStack() as opened:
            try:
                here = [root]
                for part in folders:
                    here.append(opened.enter_context(_closing(self._open(here[-1], part, _FOLDER, 0))))
                os.unlink(last, dir_fd=here[-1])
                for folder, part in zip(reversed(here[:-1]), reversed(folders), strict=True):
                    os.rmdir(part, dir_fd=folder)
            except OSError as error:
                if error.errno == errno.ENOTEMPTY:
                    return
                if error.errno in (errno.ENOENT, errno.ENOTDIR):
                    raise FileNotFoundError from error
                reason = (error.strerror or "unknown reason").lower()
                raise ToolFailure(f"{name} could not be deleted ({reason}).") from error

    def _check_quota(self, name: str, size: int) -> None:
        others = [file for file in self.everything() if file.name != name]
        if len(others) >= MOST_FILES:
            raise ToolFailure(f"This conversation already has {MOST_FILES:,} files, which is the most. Reuse a name.")
        if (used := sum(file.size for file in others)) + size > QUOTA:
            raise ToolFailure(f"The files of this conversation have {used:,} of {QUOTA:,} bytes; {name} does not fit.")

    @contextmanager
    def _folder(self) -> Iterator[int]:
        descriptor = os.open(self._path, _FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _parent(self, root: int, name: str) -> Iterator[int]:
        """Open the folder a file belongs into, making what is missing on the way."""
        here = os.dup(root)
        try:
            for part in name.split("/")[:-1]:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=here)
                deeper = self._open(here, part, _FOLDER, 0)
                os.close(here)
                here = deeper
            yield here
        finally:
            os.close(here)

    def _walk(self, folder: int, prefix: str, depth: int) -> Iterator[WorkspaceFile]:
        for name in os.listdir(folder):
            try:
                info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:  # removed or renamed since the listing
                continue
            if name.startswith(_UNFINISHED):
                if info.st_mtime < time.time() - _STALE:
                    os.unlink(name, dir_fd=folder)
            elif stat.S_ISREG(info.st_mode):
                yield WorkspaceFile(prefix + name, info.st_size, (info.st_ino, info.st_ctime_ns))
            elif stat.S_ISDIR(info.st_mode) and depth <= DEEPEST:
                with suppress(OSError), _closing(self._enter(folder, name)) as deeper:
                    yield from self._walk(deeper, f"{prefix}{name}/", depth + 1)

    def _enter(self, folder: int, name: str) -> int:
        """Open a folder in a folder; one that a program locked is unlocked, or its files would seem to be gone."""
        try:
            return self._open(folder, name, _FOLDER, 0)
        except PermissionError:
            unlock(folder, name)
            return self._open(folder, name, _FOLDER, 0)


def checked_name(name: str) -> str:
    """Return a name fit for a workspace (Unicode form C); raises BadInput that says what is wrong with it."""
    name = unicodedata.normalize("NFC", name)
    parts = name.split("/")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name) or "\\" in name:
        raise BadInput("A file name may not hold control, invisible or direction characters, nor a backslash.")
    if any(part in ("", ".", "..") or part != part.strip() for part in parts):
        raise BadInput(f"{name!r} is no file name here. Use a relative one such as 'report.md' or 'drafts/report.md'.")
    if len(parts) > DEEPEST or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise BadInput(f"That name is too long: at most {DEEPEST} parts of {LONGEST_PART} bytes each.")
    if any(part.casefold() == ".git" or part.startswith(_UNFINISHED) for part in parts):
        raise BadInput(f"{name!r} is reserved. Choose another name.")
    return name


def usable(name: str) -> bool:
    """Say whether tools can call a file by this name."""
    try:
        return checked_name(name) == name
    except BadInput:
        return False


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(folder: int, name: str, content: bytes) -> None:
    unfinished = _UNFINISHED + secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(unfinished, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    os.fsync(folder)
