"""What there is for running code and for reading strangers' files: a sandbox, or the reason why there is none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from core.ports import Blobs, Memories, PassageIndex
from core.settings import Settings
from tools.changes import Changes
from tools.clearing import sweep
from tools.define import Tool
from tools.egress import Egress, open_egress
from tools.pictures import Darkroom
from tools.policy_file import NAME as POLICY
from tools.sandbox.choosing import AnySandbox, open_sandbox
from tools.sandbox.reading import READING, Closed, ReadingRooms
from tools.sandbox.terms import Absent
from tools.sessions import Sessions
from tools.standard import standard_tools


def reading_rooms(sandbox: AnySandbox | Absent, settings: Settings) -> ReadingRooms | None:
    """Open rooms for strangers' files; None where there is no sandbox and they may be opened in processes with limits."""
    if isinstance(sandbox, Absent) and not settings.sandbox_required:
        return None
    hands = Closed(sandbox) if isinstance(sandbox, Absent) else sandbox
    return ReadingRooms(hands, settings.data_dir / "workspaces")


@dataclass(frozen=True)
class Workshop:
    """A sandbox with all that goes with it; `rooms` is None where strangers' files are opened in processes with limits."""

    sandbox: AnySandbox | Absent
    sessions: Sessions
    egress: Egress | None
    rooms: ReadingRooms | None
    darkroom: Darkroom

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack, blobs: Blobs) -> Workshop:
        """Open what the settings choose, until the stack is closed."""
        await asyncio.to_thread(sweep, settings.data_dir / "workspaces", READING)  # of one that was killed
        sandbox = await open_sandbox(settings, stack)
        hands = None if isinstance(sandbox, Absent) else sandbox
        sessions = Sessions.over(hands, settings)
        stack.push_async_callback(sessions.close)
        egress = open_egress(settings, settings.data_dir / POLICY)
        rooms = reading_rooms(sandbox, settings)
        return cls(sandbox, sessions, egress, rooms, Darkroom(blobs, settings, rooms))

    def tools(self, blobs: Blobs, index: PassageIndex, memories: Memories, changes: Changes) -> list[Tool]:
        """Make the standard tools, with those that need a sandbox if there is one."""
        hands = None if isinstance(self.sandbox, Absent) else self.sandbox
        more: dict[str, Any] = {
            "sessions": self.sessions,
            "egress": self.egress,
            "rooms": self.rooms,
            "darkroom": self.darkroom,
        }
        return standard_tools(blobs, index, memories, changes, sandbox=hands, **more)
