"""Opening files so that nothing in a path can lead out of a folder, whoever changes the folder meanwhile."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable

from core.errors import BadInput

Opener = Callable[[int, str, int, int], int]
"""Opens a path relative to a folder's descriptor with flags and mode; returns a descriptor, raises OSError."""

_OPENAT2 = 437  # the same number on every Linux architecture
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_RACES = 100  # how often a lookup that raced a rename (EAGAIN) is repeated
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def by_kernel(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """Open with openat2, where the kernel itself refuses '..', absolute paths and every kind of link."""
    how = _OpenHow(flags | _ALWAYS, mode, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    number = errno.EAGAIN
    for _ in range(_RACES):
        where = (ctypes.c_long(_OPENAT2), ctypes.c_long(folder), ctypes.c_char_p(os.fsencode(path)))
        got = libc.syscall(*where, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
        if got >= 0:
            return int(got)
        if (number := ctypes.get_errno()) not in (errno.EINTR, errno.EAGAIN):
            break
    raise OSError(number, os.strerror(number), path)


def by_steps(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """Open one component after the other without following links: for systems that have no openat2."""
    *parents, last = path.split("/")
    if any(part in ("", ".", "..") for part in (*parents, last)) and path != ".":
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    here = os.dup(folder)
    try:
        for part in parents:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _ALWAYS, dir_fd=here)
            os.close(here)
            here = deeper
        return os.open(last, flags | _ALWAYS, mode, dir_fd=here)
    finally:
        os.close(here)


def best_opener() -> Opener:
    """Choose the kernel's way where it works here (some container hosts forbid it), else the careful walk."""
    if not sys.platform.startswith("linux"):
        return by_steps
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(by_kernel(root, ".", os.O_RDONLY | os.O_DIRECTORY))
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EINVAL):
            raise
        return by_steps
    else:
        return by_kernel
    finally:
        os.close(root)


def open_regular(opener: Opener, folder: int, path: str) -> int:
    """Open an ordinary file for reading; a pipe or device is refused without ever waiting for it."""
    descriptor = opener(folder, path, os.O_RDONLY | os.O_NONBLOCK, 0)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise BadInput(f"{path} is not an ordinary file.")
