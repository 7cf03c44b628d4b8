"""The tool for administrators' missions that says how the house itself is doing. It only reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from core.ports import ToolContext
from tools.define import Tool, define

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""Says of each part of the house, in words, how it stands."""
HOUSEKEEPERS = ("owner", "admin")
"""Roles whose missions may know how the house is doing."""


class StatusTools:
    """How the house stands; the gate refuses it in the missions of everybody else."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def tools(self) -> list[Tool]:
        return [define(self.system_status, "Look at how the house is doing", roles=HOUSEKEEPERS)]

    async def system_status(self, context: ToolContext) -> str:
        """Say how this installation is doing: health of its parts, missions waiting, disk, versions, workers."""
        return "\n".join(f"{name}: {words}" for name, words in (await self._look()).items())
