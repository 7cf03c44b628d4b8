"""What goes on the audit log though nobody pressed a button: files and settings that changed, and where code went outside."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from core.ports import ToolContext
from core.settings import Settings
from memory.audit import Audit
from memory.database import Database
from memory.in_use import notice
from tools.egress import NoteReach
from tools.policy_file import NAME as POLICY
from tools.workshop import Workshop

OF_THIS_MACHINE = {"host", "port", "data_dir", "log_level", "work_here", "runner_socket"}
"""Settings that may differ between machines of one house, and mean nothing for it."""


def reach_noted(database: Database) -> NoteReach:
    """Make what puts each host that code reached, or was kept from, on the audit log before anything goes there."""
    audit = Audit(database)

    async def note(context: ToolContext, tool: str, place: str, refused: str) -> None:
        kind = "code_refused" if refused else "code_connected"
        about = {"operator": context.operator, "tool": tool, "mission": context.mission_id, "why": refused}
        await audit.note(kind, context.user_id, place, **{name: value for name, value in about.items() if value})

    return note


def noting(shop: Workshop, database: Database) -> Workshop:
    """Have every way out of a workshop's code noted."""
    if shop.egress is not None:
        shop.egress.note = reach_noted(database)
    return shop


async def notice_changes(office: Any) -> None:
    """Put on the audit log what is different since the last start: operators' profiles, rules for tools, settings."""
    settings: Settings = office.settings
    profiles = {p.name: p.version for p in office.roster.enabled()}
    await notice(office.database, "profile_changed", profiles)
    given = {name: value for name, value in settings.shown().items() if _of_the_house(name, settings)}
    policy = await asyncio.to_thread(_fingerprint, settings.data_dir / POLICY)
    await notice(office.database, "settings_changed", given, {POLICY: policy} if policy else {})


def _of_the_house(variable: str, settings: Settings) -> bool:
    name = variable.removeprefix("STAFFWORK_").lower()
    return name in settings.model_fields_set and name not in OF_THIS_MACHINE


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else ""
