"""Which sandbox there is: the one of this machine, that of a runner, or none. Nothing ever stands in for one that is missing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from core.settings import Settings
from tools.sandbox.opening import SWITCHED_OFF, Sandbox, limits_of
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.terms import Absent

AnySandbox = Sandbox | RemoteSandbox


async def open_sandbox(settings: Settings, stack: AsyncExitStack) -> AnySandbox | Absent:
    """Open what the settings choose, until the stack is closed; a runner may be away now and come later."""
    if settings.sandbox == "off":
        return SWITCHED_OFF
    if settings.sandbox == "local" or not settings.runner_socket:
        return await Sandbox.open(settings)
    remote = RemoteSandbox(Path(settings.runner_socket), settings.data_dir / "workspaces", limits_of(settings))
    return await stack.enter_async_context(remote.watched())


_REFUSED = (
    "Until then nothing that strangers wrote is opened: uploads that are no short text, pictures, previews, archives, source "
    "code, tables, charts, documents and web pages are refused, and nothing else is."
)
_LESS_SAFE = (
    "Strangers' files and pages are opened in processes of their own, with limits of time and memory, which is no wall against "
    "one that takes over its reader; STAFFWORK_SANDBOX_REQUIRED=true refuses them instead."
)


def shortcomings(sandbox: AnySandbox | Absent, settings: Settings) -> str:
    """Say why there is no sandbox just now, the fix, and what of strangers' files is refused or done less safely; "" if all is
    as it is wanted."""
    absent = missing(sandbox)
    closed = isinstance(sandbox, RemoteSandbox) or settings.sandbox_required
    if absent is None or (settings.sandbox == "off" and not closed):
        return ""
    return f"Operators cannot run code: {absent.reason} {absent.fix} {_REFUSED if closed else _LESS_SAFE}"


def missing(sandbox: AnySandbox | Absent) -> Absent | None:
    """Say why there is no sandbox just now, if there is none."""
    return sandbox.absent if isinstance(sandbox, RemoteSandbox) else sandbox if isinstance(sandbox, Absent) else None
