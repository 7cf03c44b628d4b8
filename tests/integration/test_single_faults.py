"""A small part of the faults of `make soak`: a call goes wrong, the mission comes to its end, the next message is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import Fault, counted, every, some, tried

SEED = 20261121


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")  # things go wrong on purpose


async def test_whatever_call_goes_wrong_once_the_mission_comes_to_its_end(tmp_path: Path) -> None:
    chosen = some(every(await counted(tmp_path)), 2, SEED)
    found = await tried(tmp_path, chosen)
    assert found.wrong == {}
    assert found.came >= len(chosen) - 2


async def test_a_disk_that_fails_for_a_while_stops_nothing_for_good(tmp_path: Path) -> None:
    chosen = [Fault("group", n, "database or disk is full", times=3) for n in (3, 15, 30)]
    found = await tried(tmp_path, chosen)
    assert found.wrong == {}
    assert found.came == len(chosen)


async def test_a_task_does_not_fail_because_nothing_could_be_written_just_then(tmp_path: Path) -> None:
    found = await tried(tmp_path, [Fault("written", n, "disk I/O error") for n in range(24, 32)])
    assert found.wrong == {}, "a fault of the disk is no fault of a task"


async def test_a_tool_whose_library_cancels_itself_broke_down(tmp_path: Path) -> None:
    found = await tried(
        tmp_path, [Fault(point, n, "CancelledError") for point in ("tool", "tool done") for n in (1, 3)]
    )
    assert found.wrong == {}
    assert found.came == 4


async def test_a_look_at_the_queue_that_goes_wrong_is_not_the_last(tmp_path: Path) -> None:
    looks = [Fault(point, n, "RuntimeError") for point in ("read", "write") for n in range(1, 5)]
    found = await tried(tmp_path, looks)
    assert found.wrong == {}
