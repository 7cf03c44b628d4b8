"""The attacks of test_sandbox_attacks.py from within a session: it holds as well as a single run, and nothing outlives it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attacks_on_files import FILES, PROCESSES
from attacks_on_kernel import KERNEL, NETWORK
from attacks_on_resources import BOMBS, OUTLIVING
from sandbox_attacking import SETTINGS, Attacker, Outside
from sandbox_fixtures import opened, settled
from tools_fixtures import Desk

from core.ports import ToolOutcome
from core.settings import Settings
from tools.clearing import clear
from tools.sessions import Sessions

pytestmark = pytest.mark.sandbox
GROUPS = {"files": FILES, "processes": PROCESSES, "kernel": KERNEL, "network": NETWORK, "bombs": BOMBS}


class Insider(Attacker):
    """A hostile model that stays: its code goes on from call to call."""

    def __init__(self, desk: Desk, outside: Outside, sessions: Sessions) -> None:
        super().__init__(desk, outside)
        self.sessions = sessions

    async def attempt(self, code: str) -> ToolOutcome:
        return await self.desk.use("run_python", code=self.outside.program(code), session="task")

    def at_task(self, task_id: str) -> None:
        self.desk.context = self.desk.context.model_copy(update={"task_id": task_id})


@pytest.fixture
async def insider(tmp_path: Path) -> AsyncIterator[Insider]:
    sandbox = await opened(tmp_path / "open", **SETTINGS)
    outside = Outside(tmp_path)
    sessions = Sessions.over(sandbox, Settings(data_dir=tmp_path / "marks"))
    with outside.standing():
        insider = Insider(Desk(outside.data, sandbox=sandbox, sessions=sessions), outside, sessions)
        yield insider
        await sessions.close()
        if insider.desk.workspace.exists():
            clear(insider.desk.workspace)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", GROUPS)
async def test_a_session_holds_as_well_as_a_run(insider: Insider, group: str) -> None:
    for number, (name, attempt) in enumerate(GROUPS[group].items()):
        insider.at_task(f"t{number}")
        outcome = await insider.attempt(attempt)
        assert outcome.status == "ok", outcome.output
        assert insider.outside.broken(outcome, insider.desk.workspace) == [], (name, outcome.output)
        await insider.sessions.close()
        clear(insider.desk.workspace)


@pytest.mark.parametrize("attempt", OUTLIVING)
async def test_nothing_outlives_its_session_nor_moves_between_calls(insider: Insider, attempt: str) -> None:
    await insider.attempt(OUTLIVING[attempt] + "; time.sleep(0.3)")
    beat = insider.desk.workspace / "beat"
    assert beat.exists()  # it did live
    assert settled(beat)
    await insider.sessions.close()
    assert settled(beat)
