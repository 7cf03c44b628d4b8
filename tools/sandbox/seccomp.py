"""Assembles the seccomp filter: a small program (classic BPF) that the kernel runs before each system call."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Sequence

from tools.sandbox import syscalls

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The machines we know the numbers of, with the name the kernel has for them (AUDIT_ARCH_*)."""

_LOAD, _EQUAL, _GREATER, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets into struct seccomp_data
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000  # the same kernel by other numbers
_NAMESPACES = 0x7E020080  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_TYPE_INTO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_HARMLESS_PERSONAS = (0, 0xFFFFFFFF)  # plain Linux; only asking

Instruction = tuple[int, int, int, int]


def assemble(machine: str) -> bytes:
    """Make the filter for a machine (a key of MACHINES)."""
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, MACHINES[machine]),
        _ends(_KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        _ends(_KILL),
        *_conditions(machine),
        *(step for span in _spans(syscalls.allowed(machine)) for step in _within(*span)),
        (_GREATER, 0, 1, syscalls.NEWEST[machine]),
        _fails(errno.ENOSYS),
        _fails(errno.EPERM),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _conditions(machine: str) -> Iterator[Instruction]:
    """Judge the calls whose arguments matter; each block ends the program or leaves the number where it was."""
    yield from _call(syscalls.CLONE3[machine], [_fails(errno.ENOSYS)])  # its flags are out of sight; libc falls back
    clone = [*_argument(0), (_ANY_BIT, 0, 1, _NAMESPACES), _fails(errno.EPERM), _ends(_ALLOW)]
    yield from _call(syscalls.CLONE[machine], clone)
    yield from _call(syscalls.SOCKET[machine], [*_argument(0), *_one_of(_FAMILIES), _fails(errno.EAFNOSUPPORT)])
    forbidden = [step for n in _TYPE_INTO_TERMINAL for step in ((_EQUAL, 0, 1, n), _fails(errno.EPERM))]
    yield from _call(syscalls.IOCTL[machine], [*_argument(1), *forbidden, _ends(_ALLOW)])
    personas = [*_argument(0), *_one_of(_HARMLESS_PERSONAS), _fails(errno.EPERM)]
    yield from _call(syscalls.PERSONALITY[machine], personas)


def _call(number: int, block: Sequence[Instruction]) -> Iterator[Instruction]:
    yield (_EQUAL, 0, len(block), number)
    yield from block


def _argument(position: int) -> list[Instruction]:
    # The lower half is all the kernel looks at in each of these: they are ints.
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * position)]


def _one_of(values: Sequence[int]) -> Iterator[Instruction]:
    for value in values:
        yield (_EQUAL, 0, 1, int(value))
        yield _ends(_ALLOW)


def _spans(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Put neighbours together, so that the program stays short."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _within(first: int, last: int) -> list[Instruction]:
    return [(_AT_LEAST, 0, 2, first), (_GREATER, 1, 0, last), _ends(_ALLOW)]


def _ends(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)


def _fails(number: int) -> Instruction:
    return _ends(_ERROR | number)
