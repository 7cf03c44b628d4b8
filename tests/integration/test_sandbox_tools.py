"""Python and a shell as operators use them: what the user gave is there, what they make is handed over, limits are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sandbox_fixtures import opened
from tools_fixtures import Desk

from tools.sandbox.opening import Sandbox

pytestmark = pytest.mark.sandbox
CSV = "month,revenue\n2026-01,10\n2026-02,30\n2026-03,20\n"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return asyncio.run(opened(tmp_path_factory.mktemp("open"), sandbox_seconds=20))


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    return Desk(tmp_path, seconds=30, sandbox=sandbox)


def test_they_run_code_bring_in_strangers_and_are_not_repeated_unseen(desk: Desk) -> None:
    found = {t.name: (set(t.risks), t.effect, t.taints, bool(t.undo)) for t in desk.tools if t.name.startswith("run_")}
    assert found == dict.fromkeys(("run_python", "run_shell", "run_tests"), ({"execute"}, "once", True, True))


async def test_a_chart_of_a_file_the_user_gave_is_handed_over(desk: Desk) -> None:
    await desk.give("sales 2026.csv", CSV)
    code = (
        "import pandas as pd, matplotlib.pyplot as plt\n"
        "t = pd.read_csv('/given/sales 2026.csv')\n"
        "t.plot.bar(x='month', y='revenue'); plt.savefig('chart.png'); plt.savefig('out/chart.pdf')\n"
    )
    failed = await desk.use("run_python", code=code)
    assert failed.status == "ok"
    assert "It ended with exit code 1." in failed.output
    assert '/tmp/program.py", line 3' in failed.output  # where it failed, in the operator's own program
    assert "No such file or directory: 'out/chart.pdf'" in failed.output
    made = await desk.use("run_python", code="import os; os.makedirs('out')\n" + code + "print(t.revenue.sum())")
    assert made.output.startswith("60\n")
    assert "Made chart.png" in made.output
    assert {a.name: a.mime for a in made.artifacts} == {"chart.png": "image/png", "out/chart.pdf": "application/pdf"}
    for artifact in made.artifacts:
        kept = desk.blobs.path(artifact.hash).read_bytes()
        assert len(kept) == artifact.size > 1000
        assert kept.startswith((b"\x89PNG", b"%PDF"))


async def test_spreadsheets_and_pictures_can_be_made_too(desk: Desk) -> None:
    code = (
        "import numpy as np, pandas as pd\nfrom PIL import Image\n"
        "pd.DataFrame({'a': np.arange(3)}).to_excel('t.xlsx')\nImage.new('RGB', (9, 9), 'red').save('p.jpg')\n"
        "print(pd.read_excel('t.xlsx').a.sum())"
    )
    made = await desk.use("run_python", code=code)
    assert made.output.startswith("3\n"), made.output
    assert sorted(a.name for a in made.artifacts) == ["p.jpg", "t.xlsx"]


async def test_files_stay_from_call_to_call_and_only_what_changed_is_handed_over(desk: Desk) -> None:
    await desk.ask("write_file", name="notes.md", content="one")
    first = await desk.use("run_shell", command='cat notes.md; echo two > two.md; read x; echo "$x."')
    assert first.output == "one.\nMade two.md (4 bytes)."
    change = "echo more >> notes.md; echo TWO > two.md; touch -d 2001-01-01 two.md; touch notes.md"
    second = await desk.use("run_shell", command=change)
    assert sorted(a.name for a in second.artifacts) == ["notes.md", "two.md"]
    third = await desk.use("run_python", code="print(open('notes.md').read(), end=''); import two_not_there")
    assert third.output.startswith("It ended with exit code 1.\nonemore\n")
    assert third.artifacts == ()
    assert (await desk.use("run_shell", command="true")).output == "It ended well and printed nothing."
    assert await desk.ask("read_file", file="two.md")


async def test_a_module_in_the_folder_can_be_imported(desk: Desk) -> None:
    await desk.ask("write_file", name="sums.py", content="def total(x): return sum(x)")
    assert await desk.ask("run_python", code="import sums; print(sums.total([1, 2]))") == "3"
    pool = "from multiprocessing import Pool\ndef f(x): return x * 2\nif __name__ == '__main__': print(Pool(2).map(f, [1, 2]))"
    assert await desk.ask("run_python", code=pool) == "[2, 4]"


async def test_git_works_on_a_repository_in_the_folder(desk: Desk) -> None:
    script = (
        "git init -q .; git config user.email a@b; git config user.name a; echo x > f; git add f; git commit -qm first"
    )
    assert "first" in await desk.ask("run_shell", command=f"{script}; git log --oneline")
    assert await desk.ask("list_files") == "f (2 bytes, written here)"


async def test_each_run_can_be_undone_by_itself(desk: Desk) -> None:
    await desk.ask("write_file", name="notes.md", content="one")
    runs = ("echo two > notes.md; mkdir out; echo x > out/x.txt", "rm notes.md; rm -r out; echo y > y.txt")
    for number, command in enumerate(runs, 2):
        desk.context = desk.context.model_copy(update={"step": f"t1/{number}.0"})
        said = await desk.ask("run_shell", command=command)
    assert said == "Made y.txt (2 bytes).\nDeleted notes.md, out/x.txt."
    listed = await desk.ask("list_changes")
    assert listed == "1. Wrote notes.md\n2. Ran a shell command\n3. Ran a shell command"
    for number in (3, 2):
        desk.context = desk.context.model_copy(update={"step": f"t1/{number}{number}.0"})
        await desk.ask("undo_change", change=number)
    assert await desk.ask("run_shell", command="cat notes.md; ls") == "onenotes.md"


async def test_what_cannot_be_undone_is_said(desk: Desk) -> None:
    said = await desk.ask("run_shell", command="git init -q .; head -c 11000000 /dev/zero > big.bin; echo x > x.txt")
    assert "Made x.txt (2 bytes)." in said
    assert "Changed too, and cannot be undone here: what git keeps of ./, big.bin (too large" in said


async def test_a_run_that_is_cancelled_is_on_record_too(desk: Desk) -> None:
    running = asyncio.create_task(desk.use("run_shell", command="echo half > half.txt; sleep 15"))
    while not (desk.workspace / "half.txt").exists():
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [[f.name for f in c.files] for c in desk.changes.changes.values()] == [["half.txt"]]


async def test_names_that_are_no_paths_are_given_by_number(desk: Desk) -> None:
    await desk.give("a/b\u202e.csv", CSV)
    await desk.give(".git", CSV)
    assert await desk.ask("run_shell", command="ls /given") == "file-1\nfile-2"


async def test_long_code_in_any_script_arrives_whole(desk: Desk) -> None:
    code = f"text = '{'ü' * 90_000}'\nprint(len(text))"
    assert await desk.ask("run_python", code=code) == "90000"
    assert await desk.ask("run_shell", command=f"x='{'ü' * 90_000}'; echo ${{#x}}") == "90000"


async def test_what_stopped_a_run_is_told_to_the_operator(desk: Desk) -> None:
    outcome = await desk.use("run_python", code="b = []\nwhile True: b.append(bytearray(10**7))")
    assert outcome.output == "It was stopped because it took more memory than 512 MB."
    assert (await desk.use("run_python", code="")).status == "failed"
