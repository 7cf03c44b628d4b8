"""Without bubblewrap, as root, or where the attack on itself gets through: no tool, no other way, and the fix is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from document_fixtures import pdf
from fastapi import FastAPI
from sandbox_fixtures import opened
from tools_fixtures import Desk
from typer.testing import CliRunner

from api.health import router
from chat.terminal import app as terminal
from core.errors import BadInput
from core.settings import Settings
from graphs.office import Office
from memory.documents import DocumentReader
from tools.changes import Changes
from tools.sandbox import opening
from tools.sandbox.choosing import shortcomings
from tools.sandbox.interpreter import find_interpreter
from tools.sandbox.opening import SWITCHED_OFF
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.room import Opened, Room, find_bubblewrap
from tools.sandbox.terms import Absent, Command, Hands, Limits
from tools.standard import standard_tools
from tools.toolbox import GatedToolbox
from tools.workshop import reading_rooms

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


TOOLS: dict[str, dict[str, Any]] = {
    "query_table": {"sql": "SELECT 1", "files": ["sales.csv"]},
    "make_chart": {"name": "c", "kind": "bar", "rows": [["a", "b"], ["x", 1]]},
    "make_pdf": {"name": "p", "text": "Words."},
    "unpack_file": {"file": "x.zip"},
    "check_code": {},
}


@pytest.mark.parametrize("case", ["without bubblewrap", "as root"])
async def test_where_a_sandbox_is_required_nothing_of_strangers_is_opened_without_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    arrange, reason, fix = CASES[case]
    arrange(monkeypatch, settings)
    settings = settings.model_copy(update={"sandbox": "auto", "sandbox_required": True})
    async with Office.open(settings, at_work=False) as office:
        said = (await office.health())["sandbox"]
        assert reason in said
        assert fix in said
        assert "nothing that strangers wrote is opened" in said
        rooms = reading_rooms(office.sandbox, settings)
        root = settings.data_dir / "desk"
        desk = Desk(root)
        tools = standard_tools(
            desk.blobs, desk.index, desk.memories, Changes.at(root, desk.blobs, desk.changes), rooms=rooms
        )
        desk.toolbox = GatedToolbox(tools, seconds=60, output_bytes=16_000, at_once=4, mask=lambda text: text)
        await desk.give("sales.csv", "a,b\n1,2\n", "text/csv")
        await desk.give("code.py", "import os\n", "text/x-python")
        await desk.give("x.zip", b"PK\x03\x04", "application/zip")
        for tool, arguments in TOOLS.items():
            outcome = await desk.use(tool, **arguments)
            assert (outcome.status, "one is required" in outcome.output) == ("failed", True), (tool, outcome.output)
        with pytest.raises(BadInput, match="one is required"):
            await DocumentReader(settings, rooms).read(pdf(settings.data_dir / "a.pdf", ["x"]), "a.pdf")
        assert "a,b" in await desk.ask("read_file", file="sales.csv"), "plain text is no danger"
        assert await desk.ask("calculate", expression="6 * 7") == "6 * 7 = 42"


def test_without_one_it_is_said_how_files_are_opened(settings: Settings) -> None:
    """Every state in which something is refused, or done less safely, has its words; one that is wanted has none."""
    absent, away = Absent("The reason.", "The fix."), RemoteSandbox(Path("/nowhere/s"), Path("/nowhere"), Limits())
    required = settings.model_copy(update={"sandbox": "auto", "sandbox_required": True})
    auto, off = (settings.model_copy(update={"sandbox": way}) for way in ("auto", "off"))
    for sandbox, chosen, words in (
        (absent, auto, "SANDBOX_REQUIRED=true refuses them instead"),
        (absent, required, "nothing that strangers wrote is opened"),
        (away, auto, "nothing that strangers wrote is opened"),
        (SWITCHED_OFF, required, "nothing that strangers wrote is opened"),
    ):
        assert words in shortcomings(sandbox, chosen)
    assert shortcomings(SWITCHED_OFF, off) == ""


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
