"""What an operator gets to work with: which tools it may use, which of them its prompt shows, which documents it is given.

Chosen once, when its task begins, and read off the record from then on: a restart changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.decisions import looks_like
from core.errors import NotFound
from core.missions import Delegation, Source
from graphs.mission_run import MissionRun

CORE = ("request_context", "request_tools")
"""Tools of every operator, whatever its profile says."""
SEES, _READS = "view_picture", frozenset({"list_files", "read_file"})
"""Whoever reads files may look at pictures, too; it is shown where there are any."""
SEARCH = "search_tools"
"""Every operator may use it; it is shown where not all tools are."""
OF_MEMORY = frozenset({"recall", "remember"})
"""Tools that look beyond the conversation, or keep something for later ones."""
ROOM, MOST_CHOSEN, MOST_REQUESTED = 20, 10, 8
"""So many tools of a profile are all shown; of more only the closest to the task are, and of those asked for the last: a prompt
with 200 tools is as long as one with 10."""


def may_use(run: MissionRun, delegation: Delegation) -> tuple[str, ...]:
    """Name the tools that a task is granted: its profile's, the core, and what it was given on the way."""
    return _without_memory(run, [*delegation.tools, *_core(run, delegation), *granted(run, delegation.task.id)])


def _without_memory(run: MissionRun, names: Sequence[str]) -> tuple[str, ...]:
    """Leave out the tools that look up or keep what was said elsewhere, where the user wants no memory."""
    return tuple(dict.fromkeys(n for n in names if run.mission.choices.memory or n not in OF_MEMORY))


def granted(run: MissionRun, task_id: str) -> list[str]:
    """Name the tools that a task asked for and got, in that order; another task, also one that does it again, asks anew."""
    returns = (r for r in run.record.returns.values() if r.task_id == task_id and r.tool == "request_tools")
    return [name for returned in returns if returned.status == "ok" for name in returned.grants]


def shown(run: MissionRun, delegation: Delegation) -> tuple[str, ...]:
    """Name the tools that a task's prompts show: those chosen when it began, the core, and the last that it asked for."""
    begun = run.record.begun.get(delegation.task.id)
    chosen = delegation.tools if begun is None or begun.offered is None else begun.offered
    more = [name for name in granted(run, delegation.task.id) if name not in chosen]
    requested = list(dict.fromkeys(reversed(more)))[:MOST_REQUESTED][::-1]
    core = [name for name in _core(run, delegation) if name != SEARCH or len(chosen) < len(delegation.tools)]
    return _without_memory(run, [*chosen, *core, *requested])


def _core(run: MissionRun, delegation: Delegation) -> tuple[str, ...]:
    if run.staff.catalogue is None:
        return ()
    return (*CORE, SEARCH, *((SEES,) if _READS & set(delegation.tools) else ()))


def reach(run: MissionRun, delegation: Delegation) -> tuple[str, ...]:
    """Name the tools that an operator's profile may ever be granted; nobody can give it others."""
    if run.staff.catalogue is None:
        return ()
    try:
        profile = run.staff.roster.get(delegation.task.operator)
    except NotFound:
        return ()
    fitting = (
        entry
        for entry in run.staff.catalogue.entries()
        if (profile.web or "network" not in entry.risks)
        and any(looks_like(pattern, entry.name) for pattern in profile.may_request)
    )
    return tuple(entry.name for entry in fitting)


async def provided(run: MissionRun, delegation: Delegation) -> tuple[tuple[str, ...] | None, tuple[Source, ...]]:
    """Choose what a task's prompts show of its tools (None: all), and the context documents it is given."""
    begun, task = run.record.begun.get(delegation.task.id), delegation.task
    if begun is not None:
        return begun.offered, begun.contexts
    catalogue, contexts = run.staff.catalogue, run.staff.contexts
    offered = await catalogue.relevant(task.goal, delegation.tools, ROOM, MOST_CHOSEN) if catalogue else None
    given = await contexts.choose(run.mission.user_id, task.goal, task.operator) if contexts else ()
    return offered, given
