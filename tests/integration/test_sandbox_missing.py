"""Without bubblewrap, as root, or where the attack on itself gets through: no tool, no other way, and the fix is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sandbox_fixtures import opened
from tools_fixtures import Desk
from typer.testing import CliRunner

from api.health import router
from chat.terminal import app as terminal
from core.settings import Settings
from graphs.office import Office
from tools.sandbox import opening
from tools.sandbox.interpreter import find_interpreter
from tools.sandbox.room import Opened, Room, find_bubblewrap
from tools.sandbox.terms import Absent, Command, Hands, Limits

RAN = "import pathlib; pathlib.Path('/tmp/staffwork-ran-without').touch()"


@dataclass(frozen=True, slots=True)
class Leaking(Room):
    """A room that shows the data folder."""

    shown: str = ""

    def arguments(self, command: Command, limits: Limits, opened: Opened) -> list[str]:
        sound = Room.arguments(self, command, limits, opened)
        at = sound.index("--chdir")
        return [*sound[:at], "--ro-bind", self.shown, self.shown, *sound[at:]]


def without_bubblewrap(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    if os.geteuid() == 0:
        patch.setattr(opening.os, "geteuid", lambda: 1000)
    patch.setattr(opening, "find_bubblewrap", lambda: None)


def as_root(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    patch.setattr(opening.os, "geteuid", lambda: 0)


def leaking(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    bubblewrap = find_bubblewrap()
    assert bubblewrap is not None
    room = Leaking(bubblewrap, find_interpreter(), (), str(settings.data_dir.resolve()))
    patch.setattr(opening, "_room", lambda chosen: room)


def on_a_mac(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    patch.setattr(opening.platform, "system", lambda: "Darwin")


CASES: dict[str, tuple[Callable[[pytest.MonkeyPatch, Settings], None], str, str]] = {
    "without bubblewrap": (without_bubblewrap, "bubblewrap is not installed", "apt install bubblewrap"),
    "as root": (as_root, "Staffwork runs as root", "Start Staffwork as an ordinary user"),
    "on a Mac": (on_a_mac, "no sandbox for macOS", "docker compose up"),
    "with a leak": (leaking, "the sandbox does not hold: from inside it was possible to read a file outside", "Update"),
}
MARKED = [pytest.param(name, marks=pytest.mark.sandbox if name == "with a leak" else ()) for name in CASES]


@pytest.mark.parametrize("case", MARKED)
async def test_the_tools_are_absent_it_is_said_why_and_nothing_stands_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    arrange, reason, fix = CASES[case]
    settings = settings.model_copy(update={"sandbox": "auto"})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    arrange(monkeypatch, settings)
    async with Office.open(settings, at_work=False) as office:
        assert isinstance(office.sandbox, Absent)
        toolbox = office.runner._staff.toolbox
        assert toolbox.offer(sorted(needing_a_sandbox(settings.data_dir / "desk"))) == ()
        desk = Desk(settings.data_dir / "desk")
        desk.toolbox = toolbox  # type: ignore[assignment]
        desk.context = desk.context.model_copy(update={"granted": ("run_python", "run_shell")})
        assert (await desk.use("run_python", code=RAN)).status == "refused"
        assert (await desk.use("run_shell", command="touch /tmp/staffwork-ran-without")).status == "refused"
        assert not os.path.exists("/tmp/staffwork-ran-without")  # noqa: ASYNC240
        page = FastAPI()
        page.include_router(router)
        page.state.office = office
        async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://here") as client:
            answer = await client.get("/readyz")
        said = answer.json()["sandbox"]
        assert answer.status_code == 200, answer.json()  # everything else works
        assert reason in said
        assert fix in said


@pytest.mark.parametrize("case", MARKED)
def test_the_doctor_says_the_same(settings: Settings, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    arrange, reason, fix = CASES[case]
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    arrange(monkeypatch, settings)
    monkeypatch.setenv("STAFFWORK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("STAFFWORK_SANDBOX", "auto")
    monkeypatch.chdir(settings.data_dir)
    done = CliRunner().invoke(terminal, ["doctor"])
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if line.startswith("sandbox: "))
    assert reason in line
    assert fix in line


class Anything:
    """Something that looks like a sandbox, to see which tools would need one."""

    python, limits, sockets = "python", Limits(), None

    def there(self) -> bool:
        return True

    async def run(self, *arguments: object, **more: object) -> object:
        raise AssertionError("nothing is run here")


def needing_a_sandbox(root: Path) -> set[str]:
    pretended: Hands = Anything()  # type: ignore[assignment]
    within, without = Desk(root / "with", sandbox=pretended), Desk(root / "without")
    needed = {tool.name for tool in within.tools} - {tool.name for tool in without.tools}
    assert {"run_python", "run_shell"} <= needed
    return needed


@pytest.mark.sandbox
async def test_where_it_holds_the_same_tools_are_there(settings: Settings, tmp_path: Path) -> None:
    await opened(tmp_path)  # else the next lines say too little
    async with Office.open(settings.model_copy(update={"sandbox": "auto"}), at_work=False) as office:
        assert (await office.health())["sandbox"] == ""
        needed = needing_a_sandbox(tmp_path / "desk")
        assert {spec.name for spec in office.runner._staff.toolbox.offer(sorted(needed))} == needed
