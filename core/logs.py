"""Logs as JSON lines: the mission id on every line, secrets masked."""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import quote

mission_in_log: ContextVar[str] = ContextVar("mission_in_log", default="")
"""The mission the running code works for; set by the dispatcher."""

_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|rk|pk|ghp|gho|xox[abp])[-_][A-Za-z0-9_\-]{12,}"  # not in "risk_assessment_of_2025"
    r"|(?<![A-Za-z0-9])sw_[A-Za-z0-9_\-]{43}(?![A-Za-z0-9_\-])"  # our own API keys
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=\-]{12,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|AKIA[0-9A-Z]{16}"
)
_PARTLY = re.compile(r"(?<![\w-])([\w-]{0,24})(?:\*{3,}|\.{3}|…)([\w-]{0,24})")
"""A word with its middle left out, which is how providers quote the key they refuse."""
MASK = "[secret]"


LEAST_SECRET = 6
"""Letters below which a secret is not looked for: it would be found in ordinary words."""


class _Learned:
    """What this process came to know of secrets while it ran: everything that masks knows it at once."""

    secrets: frozenset[str] = frozenset()


def learn(*secrets: str) -> None:
    """Mask these secrets from now on, in this whole process; what was replaced or removed stays masked too."""
    new = {s for s in secrets if len(s) >= LEAST_SECRET}
    if not new <= _Learned.secrets:
        _Learned.secrets |= new


class Masker:
    """Replaces known secrets, their two ends, and whatever has the shape of one, with a mask."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._own = frozenset(s for s in secrets if len(s) >= LEAST_SECRET)
        self._seen: frozenset[str] | None = None
        self._known: list[str] = []
        self._beginnings: dict[str, list[str]] = {}

    def __call__(self, text: str) -> str:
        text = self.known(text)
        text = _PARTLY.sub(self._fragment, text)
        return _SHAPES.sub(MASK, text)

    def known(self, text: str) -> str:
        """Mask the secrets of this house only, in every spelling they travel in."""
        self._refresh()
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def withheld(self, text: str) -> int:
        """Count the letters at the end of a text that may be the beginning of a secret of this house."""
        self._refresh()
        beginnings = self._beginnings.get(text[-1:], ())
        return next((len(begun) for begun in beginnings if text.endswith(begun)), 0)

    @property
    def secrets(self) -> list[str]:
        """The secrets of this house in all their spellings, longest first."""
        self._refresh()
        return self._known

    def _refresh(self) -> None:
        if self._seen is _Learned.secrets:
            return
        self._seen = _Learned.secrets
        self._known = sorted({way for s in self._own | self._seen for way in _spellings(s)}, key=len, reverse=True)
        self._beginnings = {}
        for secret in self._known:
            for length in range(len(secret) - 1, 0, -1):
                self._beginnings.setdefault(secret[length - 1], []).append(secret[:length])
        for several in self._beginnings.values():
            several.sort(key=len, reverse=True)

    def _fragment(self, match: re.Match[str]) -> str:
        """Mask the two ends of a known secret; any other word stays."""
        head, tail = match.groups()
        telling = len(tail) >= 2 or len(head) >= 6
        ours = telling and any(s.startswith(head) and s.endswith(tail) for s in self._known)
        return MASK if ours else match[0]


def _spellings(secret: str) -> set[str]:
    """Spell a secret as it stands in an address, in JSON, and in the base64 of headers."""
    spelt = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    if len(secret) >= 8:
        raw = secret.encode("utf-8", "surrogatepass")
        spelt |= {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return spelt


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
