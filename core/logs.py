"""Logs as JSON lines: the mission id on every line, secrets masked."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

mission_in_log: ContextVar[str] = ContextVar("mission_in_log", default="")
"""The mission the running code works for; set by the dispatcher."""

_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|rk|pk|ghp|gho|xox[abp])[-_][A-Za-z0-9_\-]{12,}"  # not in "risk_assessment_of_2025"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=\-]{12,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|AKIA[0-9A-Z]{16}"
)
_PARTLY = re.compile(r"(?<![\w-])([\w-]{0,24})(?:\*{3,}|\.{3}|…)([\w-]{0,24})")
"""A word with its middle left out, which is how providers quote the key they refuse."""
MASK = "[secret]"


class Masker:
    """Replaces known secrets, their two ends, and whatever has the shape of one, with a mask."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = sorted({s for s in secrets if len(s) >= 6}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _PARTLY.sub(self._fragment, text)
        return _SHAPES.sub(MASK, text)

    def _fragment(self, match: re.Match[str]) -> str:
        """Mask the two ends of a known secret; any other word stays."""
        head, tail = match.groups()
        telling = len(tail) >= 2 or len(head) >= 6
        ours = telling and any(s.startswith(head) and s.endswith(tail) for s in self._known)
        return MASK if ours else match[0]


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; the text and the traceback are masked."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._mask = masker

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        }
        if mission := mission_in_log.get():
            line["mission_id"] = mission
        if record.exc_info:
            line["traceback"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def start_logging(level: str, masker: Masker, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (default: standard error) as masked JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(masker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in (
        "httpx",
        "httpx2",
        "httpcore",
        "chromadb",
        "socketio",
        "engineio",
        "urllib3",
        "aiosqlite",
        "langgraph",
        "alembic",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
