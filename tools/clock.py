"""The tool that tells the time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from core.errors import BadInput
from core.ports import ToolContext


async def now(
    context: ToolContext,
    timezone: Annotated[str, Field(description="Such as Europe/Berlin or America/New_York.", max_length=100)] = "UTC",
) -> str:
    """Tell the current date, weekday and time."""
    moment = datetime.now(_zone(timezone))
    return f"{moment:%A}, {moment.isoformat(timespec='seconds')} ({timezone})"


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":  # must work where no time zone database is installed
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"There is no time zone {name!r} here. Use a name such as Europe/Berlin, or UTC.") from None
