"""A hostile model with the product's own tools: nothing outside is read, changed, reached or outlived.

The same attempts without a sandbox (test_sandbox_unprotected.py) show that this suite can fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks_on_files import FILES, PROCESSES
from attacks_on_kernel import KERNEL, NETWORK
from attacks_on_resources import BOMBS, OUTLIVING, TRAPS
from runner_fixtures import runner
from sandbox_attacking import SETTINGS, Attacker, Outside
from sandbox_fixtures import opened
from tools_fixtures import Desk

from tools.clearing import clear
from tools.sandbox.terms import Hands

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=["here", "runner"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Hands]]:
    """A folder for everything outside, and a sandbox over it: in this process, or in a runner behind its socket."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "here":
        yield root, asyncio.run(opened(root, **SETTINGS))
        return
    with runner(root, **SETTINGS) as sandbox:
        yield root, sandbox


@pytest.fixture
def attacker(place: tuple[Path, Hands]) -> Iterator[Attacker]:
    root, sandbox = place
    outside = Outside(root)
    with outside.standing():
        attacker = Attacker(Desk(outside.data, sandbox=sandbox), outside)
        yield attacker
        clear(attacker.desk.workspace)  # pytest could not remove what some of them leave


@pytest.mark.parametrize("attempt", [*FILES, *PROCESSES])
async def test_files_and_processes_outside_are_out_of_reach(attacker: Attacker, attempt: str) -> None:
    outcome = await attacker.attempt((FILES | PROCESSES)[attempt])
    assert outcome.status == "ok", outcome.output
    assert attacker.outside.broken(outcome, attacker.desk.workspace) == [], outcome.output


@pytest.mark.parametrize("attempt", [*KERNEL, *NETWORK])
async def test_the_kernel_and_networks_are_out_of_reach(attacker: Attacker, attempt: str) -> None:
    outcome = await attacker.attempt((KERNEL | NETWORK)[attempt])
    assert outcome.status == "ok", outcome.output
    assert attacker.outside.broken(outcome, attacker.desk.workspace) == [], outcome.output


@pytest.mark.parametrize("attempt", BOMBS)
async def test_a_bomb_is_ended_or_fails(attacker: Attacker, attempt: str) -> None:
    outcome = await attacker.attempt(BOMBS[attempt])
    assert outcome.status == "ok", outcome.output
    assert attacker.outside.broken(outcome, attacker.desk.workspace) == [], outcome.output
    assert "stopped" in outcome.output or "failed:" in outcome.output or "exit code" in outcome.output, outcome.output


@pytest.mark.parametrize("attempt", OUTLIVING)
async def test_nothing_outlives_its_run(attacker: Attacker, attempt: str) -> None:
    assert await attacker.achieved(OUTLIVING[attempt] + "; time.sleep(0.3)") == []
    assert (attacker.desk.workspace / "beat").exists()  # it did live


@pytest.mark.parametrize("attempt", TRAPS)
async def test_nothing_left_behind_goes_off_in_the_next_run(attacker: Attacker, attempt: str) -> None:
    first, second = TRAPS[attempt]
    assert await attacker.achieved(first) == []
    assert await attacker.achieved(second) == []


async def test_a_run_finds_nothing_of_the_last_one_outside_its_workspace(attacker: Attacker) -> None:
    leave = FILES["leave something in /tmp for the next run"]
    assert [await attacker.achieved(leave) for _ in range(2)] == [[], []]
