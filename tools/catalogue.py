"""Every tool there is, described once: what it does, what it risks, how it is taken back; and found again by what one needs.

Descriptions only: nothing here can call a tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from core.errors import ModelUnavailable
from core.ports import Embedder
from tools.define import Repeatable, Risk, Tool

_WORD_BONUS, _MOST_BONUS = 0.08, 0.24
_WORD = re.compile(r"[^\W\d_]{3,}")
_PURPOSE = 160  # characters


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool as the catalogue lists it; `effect` is what a repetition would do, `roles` whose missions may use it."""

    name: str
    purpose: str
    risks: frozenset[Risk]
    effect: Repeatable
    undo: str
    taints: bool
    roles: tuple[str, ...]

    @classmethod
    def of(cls, tool: Tool) -> Entry:
        """Describe a tool."""
        purpose = " ".join(tool.spec.description.split()) or tool.name
        return cls(tool.name, purpose, tool.risks, tool.effect, tool.undo, tool.taints, tool.roles)

    @property
    def short(self) -> str:
        """Say in one sentence what it is for."""
        first = re.split(r"(?<=[.;])\s", self.purpose, maxsplit=1)[0]
        return first if len(first) <= _PURPOSE else first[: _PURPOSE - 1].rstrip() + "…"

    @property
    def matter(self) -> str:
        """Say in one text what it is about; this is what needs are compared with."""
        return f"{self.name.replace('_', ' ')}. {self.purpose}"


class Catalogue:
    """The tools of a house, by name; the same need finds the same tools."""

    def __init__(self, tools: Iterable[Tool], embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._entries: dict[str, Entry] = {}
        self._vectors: dict[str, list[float]] = {}
        self.add(tools)

    def add(self, tools: Iterable[Tool]) -> None:
        """Describe more tools."""
        self._entries |= {tool.name: Entry.of(tool) for tool in tools}

    def written(self) -> str:
        """Write all descriptions as JSON, for those who cannot ask this process."""
        return json.dumps([asdict(e) | {"risks": sorted(e.risks)} for e in self.entries()])

    @classmethod
    def read(cls, text: str, embedder: Embedder | None = None) -> Catalogue:
        """Read what `written` wrote; raises ValueError, KeyError or TypeError for anything else."""
        found = cls((), embedder)
        for fields in json.loads(text):
            about = fields | {"risks": frozenset(fields["risks"]), "roles": tuple(fields["roles"])}
            found._entries[fields["name"]] = Entry(**about)
        return found

    def get(self, name: str) -> Entry | None:
        """Find a tool by its name."""
        return self._entries.get(name)

    def entries(self) -> list[Entry]:
        """List all tools by name."""
        return sorted(self._entries.values(), key=lambda entry: entry.name)

    async def ranked(self, need: str, names: Iterable[str]) -> list[Entry]:
        """List the named tools, the closest to a need first; unknown names are left out."""
        entries = [self._entries[name] for name in dict.fromkeys(names) if name in self._entries]
        near = await self._nearness(need, entries)
        words = _words(need)

        def score(entry: Entry) -> float:
            return near.get(entry.name, 0.0) + min(len(words & _words(entry.matter)) * _WORD_BONUS, _MOST_BONUS)

        return sorted(entries, key=lambda entry: (-score(entry), entry.name))

    async def relevant(self, goal: str, names: Sequence[str], room: int, most: int) -> tuple[str, ...] | None:
        """Choose the `most` tools that serve a goal best, in the order given; None if there is room for all of them."""
        if len(names) <= room:
            return None
        best = {entry.name for entry in (await self.ranked(goal, names))[:most]}
        return tuple(name for name in names if name in best)

    async def _nearness(self, need: str, entries: Sequence[Entry]) -> dict[str, float]:
        """Compare by meaning; where the embedder cannot be reached, words alone must do."""
        if self._embedder is None or not entries:
            return {}
        missing = [entry for entry in entries if entry.name not in self._vectors]
        try:
            [wanted, *vectors] = await self._embedder.embed([need, *(entry.matter for entry in missing)])
        except ModelUnavailable:
            return {}
        self._vectors |= {entry.name: vector for entry, vector in zip(missing, vectors, strict=True)}
        return {e.name: sum(a * b for a, b in zip(wanted, self._vectors[e.name], strict=True)) for e in entries}


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in _WORD.findall(text.lower())}
