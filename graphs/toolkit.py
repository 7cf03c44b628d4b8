"""The core toolkit: the catalogue, context documents, the own past and the state of the house, as tools behind the gate."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from agents.context_files import shipped_contexts
from core.memories import Context
from core.ports import Embedder
from core.settings import Settings
from graphs.context_keeping import ContextKeeper
from memory.approvals import Approvals
from memory.contexts import Contexts
from memory.database import Database
from memory.house_counts import house_counts
from memory.pasts import Pasts
from tools.catalogue import Catalogue
from tools.define import Tool
from tools.granting import GrantTools
from tools.past import PastTools
from tools.policy_file import NAME as POLICY
from tools.policy_file import load_policy
from tools.shelf import ShelfTools
from tools.status import StatusTools

TOOLS = "tools.json"
"""In the data folder: the tools of the process that works on it, for a terminal beside it."""
Health = Callable[[], Awaitable[Mapping[str, str]]]


def keeper_of(database: Database, embedder: Embedder | None = None) -> ContextKeeper:
    """Open the context documents of a database; with an embedder they are found by meaning, too."""
    return ContextKeeper(Contexts(database), _shipped(), Approvals(database).role_of, embedder)


@lru_cache(maxsize=1)
def _shipped() -> tuple[Context, ...]:
    return shipped_contexts()


class Toolkit:
    """Adds the core tools to `tools`, and describes them all; `health` says how the house is doing, once it is built."""

    def __init__(self, settings: Settings, database: Database, embedder: Embedder, tools: list[Tool]) -> None:
        self._settings, self._database = settings, database
        self.health: Health | None = None
        self.contexts = keeper_of(database, embedder)
        self.catalogue = Catalogue(tools, embedder)
        tools += [
            *ShelfTools(self.contexts).tools(),
            *GrantTools(self.catalogue, load_policy(settings.data_dir / POLICY)).tools(),
            *PastTools(Pasts(database)).tools(),
            *StatusTools(self.look).tools(),
        ]
        self.catalogue.add(tools)
        place = settings.data_dir / TOOLS
        fresh = place.with_suffix(".new")
        fresh.write_text(self.catalogue.written(), encoding="utf-8")
        fresh.replace(place)  # whole at every moment: a terminal may be reading it

    async def look(self) -> Mapping[str, str]:
        """Say how the house is doing: its parts, what waits, disk, versions."""
        parts = await self.health() if self.health else {}
        disk = await asyncio.to_thread(shutil.disk_usage, self._settings.data_dir)
        said = {name: words or "works" for name, words in parts.items()}
        counts = await house_counts(self._database)
        free = {"free disk": f"{disk.free / 2**30:.1f} of {disk.total / 2**30:.1f} GiB"}
        return said | counts | free | {"versions": _versions()}


def _versions() -> str:
    try:
        own = version("staffwork")
    except PackageNotFoundError:  # run from a folder that was never installed
        own = "not installed"
    return f"Staffwork {own}, Python {platform.python_version()}"
