"""What the sandbox does to itself before anybody may use it: run inside, alone, with nothing but the standard library.

Gets {canary: path of a secret outside, port: a listener on the outer loopback, socket: an abstract socket outside} on its
standard input, and writes the list of what it could do to its standard output. It must never be imported by the product.
"""

import ctypes
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

_KNOWN = {"PATH", "HOME", "TMPDIR", "USER", "LANG", "TZ", "PWD", "LC_CTYPE", "SHLVL", "_", "LD_LIBRARY_PATH"}
_OURS = ("PYTHON", "MPL", "OPENBLAS", "OMP", "MALLOC", "GIT")
_NEW_USER_NAMESPACE = 0x10000000
_TRACE_ME, _UNSHARE, _MOUNT, _KEYS, _BPF, _URING = 101, 272, 165, 250, 321, 425  # on x86_64
_ON_ARM = {101: 117, 272: 97, 165: 40, 250: 219, 321: 280, 425: 425}


def main() -> None:
    told = json.load(sys.stdin)
    attempts = {
        "read a file outside": lambda: Path(told["canary"]).read_bytes(),
        "see the folder of the data": lambda: os.listdir(Path(told["canary"]).parent),
        "read the passwords of the machine": lambda: Path("/etc/shadow").read_bytes(),
        "write beside its workspace": lambda: Path("/usr/staffwork").write_text("x"),
        "write into its own root": lambda: Path("/staffwork").write_text("x"),
        "reach a server of the machine": lambda: socket.create_connection(("127.0.0.1", told["port"]), 2),
        "reach a socket of the machine": lambda: _connect("\0" + told["socket"]),
        "talk to the kernel about the network": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "use the kernel's cryptography": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
        "see foreign processes": _foreign,
        "see a foreign environment": _environment,
        "be root or hold rights": _rights,
        "trace processes": lambda: _call(_TRACE_ME, 0, 0, 0, 0),
        "make namespaces": lambda: _call(_UNSHARE, _NEW_USER_NAMESPACE),
        "mount": lambda: _call(_MOUNT, b"none", b"/tmp", b"tmpfs", 0, None),
        "reach the kernel's keys": lambda: _call(_KEYS, 0, -3, 0),
        "load programs into the kernel": lambda: _call(_BPF, 0, 0, 0),
        "make rings of system calls": lambda: _call(_URING, 4, b"\0" * 120),
    }
    json.dump([name for name, attempt in attempts.items() if _works(attempt)], sys.stdout)


def _works(attempt: Any) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)


def _foreign() -> None:
    numbers = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    if len(numbers) > 4 or os.getpid() > 100:
        return
    raise PermissionError


def _environment() -> None:
    if any(name not in _KNOWN and not name.startswith(_OURS) for name in os.environ):
        return
    raise PermissionError


def _rights() -> None:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    caps = any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"))
    filtered = status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    if os.geteuid() == 0 or caps or not filtered:
        return
    raise PermissionError


def _call(number: int, *arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    number = _ON_ARM[number] if os.uname().machine == "aarch64" else number
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")


if __name__ == "__main__":
    main()
