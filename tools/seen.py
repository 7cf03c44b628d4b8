"""What a workspace held at one moment, and what became of it while a program ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.ports import ChangedFile, FileChange

_UNMARKED = (0, 0)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Seen:
    """What a workspace held before a program ran: of each file its mark and the hash of its kept content (None: too large).

    What others put on record meanwhile is entered here, so that each change is on record once, and by whoever made it if
    that can be told. `hidden` are files whose names nobody can use, a repository's own among them.
    """

    conversation_id: str
    files: dict[str, tuple[tuple[int, int], str | None]]
    hidden: Mapping[str, tuple[int, int]]

    def learn(self, files: Iterable[ChangedFile]) -> None:
        """Enter what somebody else put on record meanwhile."""
        for part in files:
            self.files.pop(part.name, None)
            if part.after is not None:
                self.files[part.name] = (_UNMARKED, part.after)

    def compared(self, now: Seen) -> tuple[tuple[ChangedFile, ...], tuple[str, ...], tuple[ChangedFile, ...]]:
        """Say what has changed and can be undone, the names of what cannot be, and what was written again and is the same."""
        names = [n for n in sorted({*self.files, *now.files}) if self.files.get(n) != now.files.get(n)]
        # What is too large to be kept cannot be brought back.
        lost = [n for n in names if not (self._keeps(n) and now._keeps(n))]
        lost += [n for n in sorted({*self.hidden, *now.hidden}) if self.hidden.get(n) != now.hidden.get(n)]
        parts = [ChangedFile(name=n, before=self._hash(n), after=now._hash(n)) for n in names if n not in lost]
        same = tuple(p for p in parts if p.before == p.after and self.files[p.name][0] != _UNMARKED)
        return tuple(p for p in parts if p.before != p.after), tuple(lost), same

    def _hash(self, name: str) -> str | None:
        return self.files[name][1] if name in self.files else None

    def _keeps(self, name: str) -> bool:
        return name not in self.files or self.files[name][1] is not None


@dataclass(frozen=True, slots=True)
class Noted:
    """What a program changed: what is on record and can be undone (None: nothing), the names of what cannot be, and what was
    written again and is the same as before."""

    change: FileChange | None
    lost: tuple[str, ...] = ()
    same: tuple[ChangedFile, ...] = ()

    @property
    def files(self) -> tuple[ChangedFile, ...]:
        return self.change.files if self.change else ()
