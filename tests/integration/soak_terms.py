"""What the soak does, and what it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Terms:
    """How much is done, and how fast: `span` is the seconds within which a wave's kills fall, `pace` those of one call."""

    missions: int = 200
    wave: int = 20
    kills: int = 2
    workers: int = 1
    at_once: int = 16
    pace: float = 0.02
    span: float = 1.5
    seed: int = 20261121
    frozen: bool = False
    names: Sequence[str] = ()
    calls_at_once: int = (
        5  # of one mission: model calls that were under way at a kill, or had just ended, are made again
    )


THIRTY_TASKS = Terms(missions=8, wave=2, span=2.0, pace=0.03, names=[f"dag-{n:04}" for n in range(8)], calls_at_once=12)


@dataclass
class Count:
    """What happened."""

    missions: int = 0
    acknowledged: int = 0
    kills: int = 0
    hits: Counter[str] = field(default_factory=Counter)  # how often each mission lost its process
    decisions: int = 0
    slowest: float = 0.0  # from the last restart of a wave until each of its missions is in a definite state
    events: int = 0
    states: Counter[str] = field(default_factory=Counter)  # in which missions came to rest first
    ends: Counter[str] = field(default_factory=Counter)
    repeated: int = 0  # model calls that were made again
    may_repeat: int = 0  # so many were under way, or just done, when a process was lost
    frozen: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __add__(self, other: Count) -> Count:
        more = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Count(**more | {"slowest": max(self.slowest, other.slowest)})
