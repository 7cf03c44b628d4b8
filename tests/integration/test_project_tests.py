"""A project given as a zip: unpacked, outlined, its tests run in the sandbox, repaired, and the repair handed over as a patch."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
from sandbox_fixtures import opened
from tools_fixtures import Desk

from tools.code_tools import CodeTools
from tools.folder import Folders
from tools.running import LEAST_FREE
from tools.sandbox import interpreter
from tools.sandbox.opening import Sandbox
from tools.sandbox.reading import ReadingRooms
from tools.workspace import Workspaces

pytestmark = pytest.mark.sandbox
PROJECT = {
    "sums/__init__.py": "",
    "sums/add.py": "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return 2 * a\n",
    "tests/test_add.py": (
        "import unittest\nfrom sums.add import add, twice\n\n\nclass Adding(unittest.TestCase):\n    def test_one(self):\n"
        "        self.assertEqual(add(1, 0), 1)\n\n    def test_two(self):\n        self.assertEqual(add(1, 2), 3)\n\n"
        "    @unittest.skip('later')\n    def test_three(self):\n        pass\n\n\n"
        "def test_plain():\n    assert twice(2) == 4\n\n\n"
        "def test_plain_wrong():\n    assert add(2, 2) == 4, 'two and two'\n\n\ndef test_given(tmp_path):\n    assert tmp_path\n"
    ),
    "tests/test_broken.py": "import not_there_at_all\n",
    "tests/test_leaves.py": "import sys\n\ndef test_leaves():\n    sys.exit(0)\n",
}


@pytest.fixture(scope="module", params=["unittest", "pytest"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox whose Python has no pytest, as where only Staffwork is installed, and one that has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "IF_THERE", ("pytest",) if request.param == "pytest" else ())
        return asyncio.run(opened(tmp_path_factory.mktemp("open"), sandbox_seconds=30))


@pytest.fixture
async def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    desk, packed = Desk(tmp_path, seconds=60, sandbox=sandbox), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in PROJECT.items():
            archive.writestr(name, content)
    await desk.give("project.zip", packed.getvalue())
    await desk.ask("unpack_file", file="project.zip")
    return desk


async def test_a_project_is_read_tested_repaired_and_handed_over_as_a_patch(desk: Desk) -> None:
    assert "  1-2 def add(a, b)" in await desk.ask("outline_code", place="project/sums")
    assert "project/tests/test_add.py -> project/sums/add.py" in await desk.ask("code_dependencies")
    for step, arguments in enumerate((["init"], ["add", "-A"], ["commit", "-m", "As given"]), 1):
        desk.context = desk.context.model_copy(update={"step": f"t1/{step}.0"})
        await desk.ask("git_change", arguments=arguments, repository="project")
    told = await desk.ask("run_tests", folder="project")
    assert "It ended with exit code 1." in told
    assert "tests/test_add.py:10: " in told
    assert "AssertionError: -1 != 3" in told
    assert "tests/test_add.py:22: " in told
    assert "two and two" in told
    assert "not_there_at_all" in told
    assert "tests/test_leaves.py:4: " in told
    if "Tests (unittest)" in told:
        assert "Not run, because they need pytest, which is not here: 1 (test_given)" in told
        assert told.rstrip().endswith("Tests (unittest): 2 passed, 4 failed, 1 skipped")
    else:
        assert "Tests (pytest): 3 passed, 4 failed, 1 skipped" in told
    desk.context = desk.context.model_copy(update={"step": "t1/8.0"})
    await desk.ask("patch_file", file="project/sums/add.py", find="a - b", replace="a + b")
    desk.context = desk.context.model_copy(update={"step": "t1/9.0"})
    again = await desk.ask("run_tests", folder="project")
    assert "-1 != 3" not in again
    made = await desk.use("git_change", arguments=["diff", "--output=repair.patch"], repository="project")
    assert [a.name for a in made.artifacts] == ["project/repair.patch"]
    assert b"-    return a - b\n+    return a + b\n" in desk.blobs.path(made.artifacts[0].hash).read_bytes()


async def test_source_code_is_read_in_a_room_where_there_is_one(desk: Desk, sandbox: Sandbox) -> None:
    folders = Folders(desk.blobs, Workspaces(desk.root / "workspaces"))
    tools = CodeTools(folders, ReadingRooms(sandbox, desk.root / "workspaces"))
    assert await tools.outline_code(desk.context) == await desk.ask("outline_code")
    await desk.ask("write_file", name="a.rs", content="fn main() {}\n")
    await desk.ask("write_file", name="deep.js", content="[" * 200_000)
    assert "  1-1 fn main()" in await tools.outline_code(desk.context, "a.rs")
    assert "deep.js:1: error" in await tools.check_code(desk.context, "deep.js")
    assert sorted(p.name for p in (desk.root / "workspaces").iterdir()) == ["c1"]


async def test_a_folder_without_a_project_is_named(desk: Desk) -> None:
    outcome = await desk.use("run_tests", folder="nowhere")
    assert (outcome.status, outcome.output) == (
        "failed",
        "There is no folder 'nowhere' with a project. list_files shows what there is.",
    )
    assert (await desk.use("run_tests", folder="../..")).status == "failed"


async def test_many_failures_are_cut_and_counted(desk: Desk) -> None:
    tests = "\n".join(f"def test_{n}():\n    assert False, 'wrong {n}'" for n in range(60))
    await desk.ask("write_file", name="many/test_many.py", content=tests)
    told = await desk.ask("run_tests", folder="many")
    assert "... and 20 more" in told
    assert "0 passed, 60 failed" in told


async def test_tests_that_leave_before_they_are_counted_have_not_passed(desk: Desk) -> None:
    await desk.ask("write_file", name="sly/test_sly.py", content="import os\n\ndef test_sly():\n    os._exit(0)\n")
    told = await desk.ask("run_tests", folder="sly")
    assert told.startswith("The tests ended the program before they were counted")


async def test_tests_that_never_end_are_ended_and_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", sandbox=await opened(tmp_path, sandbox_seconds=2))
    await desk.ask("write_file", name="slow/test_slow.py", content="def test_slow():\n    while True:\n        pass\n")
    assert "It was stopped after 2 seconds." in await desk.ask("run_tests", folder="slow")


async def test_nothing_is_run_on_a_disk_that_is_nearly_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program writes is kept twice, so that it can be undone; the database must not be the one to find no room."""
    full = namedtuple("full", "total used free")(1 << 40, 1 << 40, LEAST_FREE - 1)
    monkeypatch.setattr("tools.running.shutil.disk_usage", lambda path: full)
    outcome = await desk.use("run_shell", command="touch made")
    assert (outcome.status, "Only 299 MB are free" in outcome.output) == ("failed", True)
    assert not (desk.workspace / "made").exists()
