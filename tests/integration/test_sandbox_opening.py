"""The sandbox opens only where it has just held against itself; where there is none, nobody runs code, and it is said why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sandbox_attacking import Unprotected
from sandbox_fixtures import opened
from tools_fixtures import Desk

from api.health import router
from core.settings import Settings
from graphs.office import Office
from tools.sandbox.interpreter import find_interpreter
from tools.sandbox.opening import Sandbox, obstacle
from tools.sandbox.probe import probe
from tools.sandbox.room import Opened, Room
from tools.sandbox.terms import Absent, Command, Limits, Result

SOUND: dict[str, Any] = {
    "off": False, "system": "Linux", "machine": "x86_64", "root": False, "bubblewrap": Path("/usr/bin/bwrap"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "reason", "fix"),
    [
        ({"off": True}, "switched off", "STAFFWORK_SANDBOX=auto"),
        ({"system": "Darwin", "machine": "arm64"}, "macOS on arm64", "docker compose up"),
        ({"system": "Windows", "machine": "AMD64"}, "Windows on AMD64", "docker compose up"),
        ({"machine": "riscv64"}, "riscv64", "aarch64"),
        ({"root": True}, "root", "ordinary user"),
        ({"bubblewrap": None}, "not installed", "apt install bubblewrap"),
    ],
)
def test_what_stands_in_the_way_is_said_with_its_fix(changed: dict[str, Any], reason: str, fix: str) -> None:
    assert obstacle(**SOUND) is None
    found = obstacle(**SOUND | changed)
    assert found is not None
    assert reason in found.reason
    assert fix in found.fix


async def test_without_a_sandbox_nobody_runs_code_and_the_office_says_why(settings: Settings) -> None:
    absent = Settings(**settings.model_dump() | {"sandbox": "off"})
    async with Office.open(absent, at_work=False) as office:
        assert isinstance(office.sandbox, Absent)
        assert (await office.health())["sandbox"] == ""  # it is wanted so
        assert office.runner._staff.toolbox.offer(["run_python", "run_shell"]) == ()
        office.sandbox = Absent("the reason.", "The fix.")
        office.settings = settings
        said = (await office.health())["sandbox"]
        assert said.startswith(
            "Operators cannot run code: the reason. The fix. Strangers' files and pages are opened in processes"
        )


@pytest.mark.parametrize(("broken", "status"), [({}, 200), ({"sandbox": "why"}, 200), ({"disk": "full"}, 503)])
async def test_the_health_page_says_it_and_stays_ready(broken: dict[str, str], status: int) -> None:
    class House:
        async def health(self) -> dict[str, str]:
            return {"disk": "", "sandbox": ""} | broken

    app = FastAPI()
    app.include_router(router)
    app.state.office = House()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as page:
        answer = await page.get("/readyz")
    assert (answer.status_code, answer.json()) == (status, {"disk": "", "sandbox": ""} | broken)


async def test_without_a_sandbox_a_granted_tool_is_refused_not_run_in_another_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.context = desk.context.model_copy(update={"granted": ("run_shell", "run_python", *desk.context.granted)})
    for name, arguments in (("run_shell", {"command": "touch made"}), ("run_python", {"code": "open('made', 'w')"})):
        assert (await desk.use(name, **arguments)).status == "refused"
    assert not (tmp_path / "workspaces").exists()


class Broken(Unprotected):
    """A bubblewrap that cannot do its work."""

    def __init__(self, said: str) -> None:
        self._said = said

    async def run(self, *arguments: Any, **more: Any) -> Result:
        return Result("error", None, "", self._said, 0.0, 0, f"It could not be started: {self._said}")


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("bwrap: No permissions to create a new namespace, likely because", "unprivileged_userns_clone"),
        ("bwrap: setting up uid map: Permission denied", "apparmor_restrict_unprivileged_userns"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "docs/operating.md"),
        ("bwrap: Unknown option --disable-userns", "0.8"),
        ("something else", "bwrap --unshare-all"),
    ],
)
async def test_a_sandbox_that_does_not_start_is_none_and_the_fix_is_named(tmp_path: Path, said: str, fix: str) -> None:
    found = await probe(Broken(said), tmp_path)
    assert found is not None
    assert said in found.reason
    assert fix in found.fix


@pytest.mark.sandbox
async def test_a_runner_that_protects_nothing_fails_its_attack_on_itself(tmp_path: Path) -> None:
    found = await probe(Unprotected(), tmp_path)
    assert found is not None
    for could in ("read a file outside", "reach a server of the machine", "see foreign processes"):
        assert could in found.reason
    assert list((tmp_path / "sandbox").iterdir()) == []


@dataclass(frozen=True, slots=True)
class Leaking(Room):
    """A room with something more in view, or without one of its walls."""

    leak: tuple[str, ...] = ()

    def arguments(self, command: Command, limits: Limits, opened: Opened) -> list[str]:
        sound = Room.arguments(self, command, limits, opened)
        if self.leak[0] == "without":
            at = sound.index(self.leak[1])
            return sound[:at] + sound[at + 2 :]
        at = sound.index("--chdir")
        return [*sound[:at], *self.leak, *sound[at:]]


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("leak", "could"),
    [
        (("--ro-bind", "{data}", "{data}"), "read a file outside"),
        (("--share-net",), "reach a server of the machine"),
        (("--setenv", "STAFFWORK_OPENAI_API_KEY", "x"), "see a foreign environment"),
        (("without", "--seccomp"), "trace processes"),
        (("--tmpfs", "/usr/share"), None),
        (("--dev-bind", "/proc", "/proc"), "see foreign processes"),
    ],
)
async def test_a_room_with_a_leak_is_found(tmp_path: Path, leak: tuple[str, ...], could: str | None) -> None:
    sound = await opened(tmp_path)
    room = sound._room
    told = tuple(word.format(data=tmp_path) for word in leak)
    leaking = Sandbox(Leaking(room.bubblewrap, room.interpreter, room.hidden, told), sound.limits, 2, 10)
    found = await probe(leaking, tmp_path)
    assert (found is None) == (could is None)
    assert found is None or str(could) in found.reason


@pytest.mark.sandbox
async def test_a_machine_too_busy_to_look_often_still_sees_that_the_memory_limit_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = await opened(tmp_path)
    monkeypatch.setattr("tools.sandbox.guard._EVERY", 1.0)
    assert await probe(sandbox, tmp_path) is None


def test_looking_for_the_libraries_reads_each_description_a_few_times_not_once_for_each_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, honest = Counter[str](), PathDistribution.read_text

    def counted(self: PathDistribution, filename: Any) -> str | None:
        if filename == "METADATA":
            read[str(self._path)] += 1
        return honest(self, filename)

    monkeypatch.setattr(PathDistribution, "read_text", counted)
    assert len(find_interpreter().libraries) > 10
    assert len(read) > 20
    assert max(read.values()) <= 12
