"""Every door of the running house, found by looking: the routes of the application and of all that is mounted in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SAFE = {"GET", "HEAD", "OPTIONS"}
EVERYTHING = re.compile(r"\{\w+:path\}$")


@dataclass(frozen=True)
class Door:
    """One method of one path, as it is declared in the code; `query` names what it reads behind the question mark."""

    method: str
    path: str
    query: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def holes(self) -> list[str]:
        """Name what stands in braces in the path."""
        return re.findall(r"\{(\w+)(?::\w+)?\}", self.path)

    @property
    def safe(self) -> bool:
        return self.method in SAFE

    def filled(self, given: dict[str, str]) -> str:
        """Put ids in place of the braces; raises KeyError for one that is not given."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda hole: given[hole[1]], self.path)


def doors(app: Any) -> list[Door]:
    """List every door, each once: where two routes answer the same, the first one does."""
    found: dict[str, Door] = {}
    for door in _walk(app.routes, ""):
        found.setdefault(re.sub(r"\{[^}]+\}", "{}", door.name), door)
    return sorted(found.values(), key=lambda door: (door.path, door.method))


def mounts(app: Any) -> set[str]:
    """Name what is mounted and cannot be looked into: what lies behind it is tried by tests of its own."""
    return set(_opaque(app.routes, ""))


def _walk(routes: Any, before: str) -> Iterator[Door]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:  # FastAPI keeps included routers as they were
            yield from _walk(inner.routes, before)
        elif getattr(route, "methods", None) is None:
            yield from _walk(_within(route.app) or (), before + route.path)
        else:
            dependant = getattr(route, "dependant", None)
            query = tuple(p.alias for p in dependant.query_params) if dependant is not None else ()
            yield from (Door(method, before + route.path, query) for method in route.methods - {"HEAD", "OPTIONS"})


def _within(mounted: Any) -> Any:
    """Find the routes of a mounted application, also if something is wrapped around it; None if it has none to show."""
    while mounted is not None and not hasattr(mounted, "routes"):
        mounted = getattr(mounted, "_app", None) or getattr(mounted, "app", None)
    return getattr(mounted, "routes", None)


def _opaque(routes: Any, before: str) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _opaque(inner.routes, before)
        elif getattr(route, "methods", None) is None:
            within = _within(route.app)
            yield from [before + route.path] if within is None else _opaque(within, before + route.path)
