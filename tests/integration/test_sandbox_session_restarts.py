"""Sessions and restarts: what is on record is not run again, and what a session held is said to be gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from session_fixtures import alive, desk, keep_sessions, python, sandbox, sessions
from tools_fixtures import Desk

from core.ports import Effect, Intent, ToolOutcome
from tools.sandbox.opening import Sandbox
from tools.sessions import Sessions
from tools.toolbox import GatedToolbox

pytestmark = pytest.mark.sandbox
__all__ = ["desk", "sandbox", "sessions"]


async def test_after_a_restart_it_is_said_that_the_variables_are_gone(
    tmp_path: Path, desk: Desk, sandbox: Sandbox, sessions: Sessions
) -> None:
    await python(desk, "x = 1")
    await sessions.close()
    assert not alive()
    again = keep_sessions(sandbox, tmp_path)
    after = Desk(tmp_path / "desk", seconds=30, sandbox=sandbox, sessions=again)
    told = await python(after, "open('never', 'w').write('x')")
    assert told.status == "failed"
    assert told.output.startswith("The session of this task is gone with all it had defined: Staffwork was restarted")
    assert not (after.workspace / "never").exists()  # nothing was run in one that knows nothing
    assert "NameError" in (await python(after, "print(x)")).output
    await again.close()


class KeptEffects:
    """What is on record of calls: begun once, and what came of it."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], ToolOutcome | None] = {}

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        key = (effect.step, effect.arguments_hash)
        if key in self.outcomes:
            return Intent(runs=1, outcome=self.outcomes[key])
        self.outcomes[key] = None
        return Intent(runs=1, mine=True)

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        self.outcomes[effect.step, effect.arguments_hash] = outcome


async def test_a_replay_neither_runs_a_finished_call_again_nor_touches_the_session(
    tmp_path: Path, desk: Desk, sandbox: Sandbox, sessions: Sessions
) -> None:
    kept: Any = KeptEffects()
    open_: dict[str, Any] = {"seconds": 30, "output_bytes": 16_000, "at_once": 8, "mask": str}
    code = "n = globals().get('n', 0) + 1; print(n); open('log', 'a').write('x')"
    first: Any = GatedToolbox(desk.tools, effects=kept, **open_)
    desk.toolbox = first
    assert (await python(desk, code)).output == "1\nMade log (1 bytes)."
    assert (await python(desk, code)).output == "1\nMade log (1 bytes)."  # the same step: it is on record
    assert (await python(desk, code, step="t1/2.0")).output == "2\nChanged log (2 bytes)."
    await sessions.close()  # the process is gone; the mission is taken up again and goes through its steps
    again = keep_sessions(sandbox, tmp_path)
    after = Desk(tmp_path / "desk", seconds=30, sandbox=sandbox, sessions=again)
    after.toolbox = GatedToolbox(after.tools, effects=kept, **open_)
    for step, said in (("t1/1.0", "1\nMade log (1 bytes)."), ("t1/2.0", "2\nChanged log (2 bytes).")):
        assert (await python(after, code, step=step)).output == said
    assert not alive()
    told = await python(after, code, step="t1/3.0")
    assert (told.status, "Staffwork was restarted" in told.output) == ("failed", True)
    assert (after.workspace / "log").read_text() == "xx"
    await again.close()
