"""Where a command of the terminal works: in this process, or beside another one that does the work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.errors import BadInput, NotFound, StaffworkError
from core.settings import Settings
from graphs.reception import Reception
from memory.missions import MissionRow
from memory.presence import attended

SERVED = "A running Staffwork does the work on this data; this terminal follows it."


class Unattended(StaffworkError):
    """The process that did the work went away, and the mission is not at rest."""


@dataclass(frozen=True)
class Place:
    """The desk that takes missions and orders, for one person; `served` if another process does the work, `here` if this one."""

    settings: Settings
    desk: Reception
    user_id: str
    served: bool
    here: bool

    async def find(self, beginning: str) -> MissionRow:
        """Find a mission by the beginning of its id; raises NotFound or BadInput."""
        rows = await self.desk.missions.recent(None, 2, beginning=beginning) if beginning else []
        exact = [row for row in rows if row.mission.id == beginning]
        if not rows:
            raise NotFound(f"There is no mission {beginning}. List them with: staffwork missions list")
        if len(rows) > 1 and not exact:
            raise BadInput(f"Several missions begin with {beginning}. Give more of the id.")
        return (exact or rows)[0]


@asynccontextmanager
async def at_hand(settings: Settings, *, work: bool) -> AsyncIterator[Place]:
    """Open the data; with `work` this process works on missions itself, unless another one does already."""
    served = await attended(settings)
    if work and not served:
        from graphs.office import Office

        async with Office.open(settings) as office:
            user = await office.people.ensure_local_owner()
            yield Place(settings, office, user.id, served=False, here=True)
        return
    async with Reception.beside(settings) as desk:
        user = await desk.people.ensure_local_owner()
        yield Place(settings, desk, user.id, served=served, here=False)
