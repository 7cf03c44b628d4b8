"""Writes the seccomp profile of the runner's container: `python -m tools.sandbox.container > docker/seccomp-runner.json`.

Docker's own profile forbids what a room is built with. This one allows what programs in the sandbox may do anyway and what
bubblewrap and the runner need around them; it is shorter than Docker's by some hundred calls, and longer by six.
"""

from __future__ import annotations

import errno
import json
import socket
import sys
from typing import Any

from tools.sandbox import syscalls

BUILDING = ("mount", "pivot_root", "sethostname", "umount2", "unshare")
"""What bubblewrap builds a room with, beside clone with new namespaces: Docker allows these six to nobody."""

AROUND = ("capset", "memfd_create")
"""What is done on the way: dropping rights, and handing over files of /etc. Docker allows both to everybody."""

# Within a room there are three; netlink is how bubblewrap starts the loopback of a room.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_PERSONAS = (0, 0xFFFFFFFF)


def profile() -> dict[str, Any]:
    """Return the profile as Docker reads it; what it does not name is refused."""
    plain = sorted({*syscalls.names(), *BUILDING, *AROUND, "clone", "ioctl"})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.EPERM,
        "archMap": [{"architecture": f"SCMP_ARCH_{name}", "subArchitectures": []} for name in ("X86_64", "AARCH64")],
        "syscalls": [
            {"names": plain, "action": "SCMP_ACT_ALLOW"},
            *(_only("socket", family) for family in FAMILIES),
            *(_only("personality", persona) for persona in _PERSONAS),
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
        ],
    }


def _only(name: str, value: int) -> dict[str, Any]:
    first = {"index": 0, "value": int(value), "op": "SCMP_CMP_EQ"}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [first]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(profile(), indent=1) + "\n")
