"""Starts a program under a Docker seccomp profile, as Docker would: `python seccomp_launcher.py PROFILE PROGRAM ...`.

The profile is put into a filter of ours, and the program begins with it and without any way to new rights.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.sandbox import syscalls
from tools.sandbox.seccomp import MACHINES

OTHERS = {
    "capset": (126, 91), "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "memfd_create": (319, 279),
    "mount": (165, 40), "personality": (135, 92), "pivot_root": (155, 41), "seccomp": (317, 277), "setgroups": (116, 159),
    "sethostname": (170, 161), "socket": (41, 198), "umount2": (166, 39), "unshare": (272, 97), "bpf": (321, 280),
}  # fmt: skip
_LOAD, _EQUAL, _RETURN, _ALLOW, _ERROR = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
_NO_NEW_RIGHTS, _SET_FILTER, _FILTER = 38, 22, 2


def assembled(profile: dict[str, Any], machine: str) -> bytes:
    """Make the filter; raises KeyError for a call whose number nobody wrote down here."""
    column = ("x86_64", "aarch64").index(machine)
    own = syscalls.numbers(machine)
    known = set(syscalls.names())
    refused = _ERROR | profile["defaultErrnoRet"]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, MACHINES[machine]), (_RETURN, 0, 0, refused)]
    for rule in profile["syscalls"]:
        verdict = _ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else _ERROR | rule["errnoRet"]
        for name in rule["names"]:
            if name in known and name not in own:
                continue  # there is no such call on this machine
            block = [(_RETURN, 0, 0, verdict)]
            for condition in rule.get("args", ()):
                assert condition["op"] == "SCMP_CMP_EQ"
                at = 16 + 8 * condition["index"]
                block = [(_LOAD, 0, 0, at), (_EQUAL, 0, len(block), condition["value"]), *block]
            number = own[name] if name in known else OTHERS[name][column]
            steps += [(_LOAD, 0, 0, 0), (_EQUAL, 0, len(block), number), *block]
    return b"".join(struct.pack("<HBBI", *step) for step in [*steps, (_RETURN, 0, 0, refused)])


def install(program: bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    steps = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    holder = ctypes.create_string_buffer(header, len(header))
    for call in ((_NO_NEW_RIGHTS, 1, 0, 0, 0), (_SET_FILTER, _FILTER, ctypes.addressof(holder), 0, 0)):
        if libc.prctl(ctypes.c_int(call[0]), *(ctypes.c_ulong(word) for word in call[1:])):
            raise OSError(ctypes.get_errno(), "the filter could not be set")


def main(arguments: list[str]) -> None:
    path, *command = arguments
    install(assembled(json.loads(Path(path).read_text(encoding="utf-8")), platform.machine()))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
