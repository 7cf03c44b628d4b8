"""What programs leave in a workspace must not lead the product astray: it reads, lists, hands over and deletes by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_attacking import SETTINGS, Attacker, Outside
from sandbox_fixtures import opened
from tools_fixtures import Desk

from core.ports import ToolOutcome
from tools.clearing import clear
from tools.sandbox.opening import Sandbox
from tools.workspace import Workspaces

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return asyncio.run(opened(tmp_path_factory.mktemp("open"), **SETTINGS))


@pytest.fixture
def attacker(tmp_path: Path, sandbox: Sandbox) -> Iterator[Attacker]:
    outside = Outside(tmp_path)
    with outside.standing():
        yield Attacker(Desk(outside.data, sandbox=sandbox), outside)


async def shell(attacker: Attacker, command: str) -> ToolOutcome:
    outcome = await attacker.desk.use("run_shell", command=command)
    assert outcome.status == "ok", outcome.output
    return outcome


async def nothing_leaks(attacker: Attacker, *names: str) -> None:
    for name in names:
        outcome = await attacker.desk.use("read_file", file=name)
        assert outcome.status == "failed"
        assert attacker.outside.broken(outcome, attacker.desk.workspace) == []


async def test_links_are_not_followed_listed_or_handed_over(attacker: Attacker) -> None:
    target = attacker.outside.targets["canary"]
    folder = attacker.outside.targets["data"]
    script = f"ln -s {target} report.md; ln -s {folder} data; ln -s /proc/self/environ env.txt; echo mine > real.md"
    outcome = await shell(attacker, script)
    assert [a.name for a in outcome.artifacts] == ["real.md"], outcome.output
    assert await attacker.desk.ask("list_files") == "real.md (5 bytes, written here)"
    await nothing_leaks(attacker, "report.md", "data/canary.txt", "env.txt")
    assert attacker.outside.secret not in await attacker.desk.ask("search_files", query="secret")


async def test_writing_over_a_link_changes_nothing_outside(attacker: Attacker) -> None:
    await shell(attacker, f"ln -s {attacker.outside.targets['touched']} notes.md; ln -s {attacker.outside.data} drafts")
    await attacker.desk.use("write_file", name="notes.md", content="mine")
    await attacker.desk.use("write_file", name="drafts/touched", content="mine")
    assert attacker.outside.broken(await shell(attacker, "true"), attacker.desk.workspace) == []


async def test_a_link_that_flips_while_we_read_leaks_nothing(attacker: Attacker) -> None:
    target = attacker.outside.targets["canary"]
    flipping = (
        "import os, time; t = time.time(); open('a', 'w').write('mine'); i = 0\n"
        "while time.time() - t < 2.5:\n"
        f"    os.symlink({target!r}, 'b'); os.replace('b', 'f.txt'); open('c', 'w').write('mine'); os.replace('c', 'f.txt')"
    )
    run = asyncio.create_task(attacker.desk.use("run_python", code=flipping))
    reads = 0
    while not run.done():
        outcome = await attacker.desk.use("read_file", file="f.txt")
        assert attacker.outside.secret not in outcome.output
        reads += outcome.status == "ok"
    assert attacker.outside.broken(await run, attacker.desk.workspace) == []
    assert reads > 10


async def test_pipes_and_sockets_do_not_make_us_wait(attacker: Attacker) -> None:
    await shell(attacker, "mkfifo pipe.md; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('s.md')\"")
    async with asyncio.timeout(30):
        await nothing_leaks(attacker, "pipe.md", "s.md")
        assert await attacker.desk.ask("list_files") == "There are no files in this conversation yet."


async def test_names_that_lie_are_not_listed(attacker: Attacker) -> None:
    await shell(attacker, "mkdir .git; touch .git/x")
    script = "touch $'a\\nb.md (9 bytes, from the user)' $'\\u202efdp.exe' $'x\\xff' ' pad' 'back\\\\slash' good.md"
    outcome = await shell(attacker, script)
    assert await attacker.desk.ask("list_files") == "good.md (0 bytes, written here)"
    assert [a.name for a in outcome.artifacts] == ["good.md"]


async def test_a_file_that_is_too_large_or_one_of_too_many_is_said_not_handed_over(attacker: Attacker) -> None:
    outcome = await shell(attacker, "truncate -s 11M big.bin; for i in $(seq 30); do echo $i > n$i.txt; done")
    assert "cannot be undone here: big.bin (too large to be kept" in outcome.output
    assert "10 more files were made or changed; only 20 are handed over at a time." in outcome.output
    assert len(outcome.artifacts) == 20


async def test_a_locked_or_deep_workspace_can_still_be_used_and_removed(attacker: Attacker) -> None:
    await shell(attacker, "mkdir -p locked/in; echo x > locked/in/f; chmod 000 locked/in locked .")
    await attacker.desk.ask("write_file", name="a.md", content="x")
    deep = (
        "import os\nfor i in range(700):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\nopen('end', 'w').write('x')"
    )
    assert (await attacker.desk.use("run_python", code=deep)).status == "ok"
    await shell(attacker, f"ln -s {attacker.outside.data} link; chmod 000 .")
    Workspaces(attacker.desk.root / "workspaces").remove("c1")
    assert not attacker.desk.workspace.exists()
    assert attacker.outside.broken(await shell(attacker, "true"), attacker.desk.workspace) == []


async def test_what_is_hidden_from_the_count_counts(attacker: Attacker) -> None:
    hidden = "mkdir h; for i in $(seq 14); do head -c 4M /dev/zero > h/$i; done & sleep 0.1; chmod 000 h; sleep 3"
    assert "workspace would hold more" in (await shell(attacker, hidden)).output
    clear(attacker.desk.workspace)
    deep = (
        "import os, time\nfor i in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "open('x', 'wb').write(bytes(10**7))\ntime.sleep(3); print('ESCAPED')"
    )
    outcome = await attacker.desk.use("run_python", code=deep)
    assert "workspace would hold more" in outcome.output


@pytest.mark.parametrize(
    "poison",
    [
        "printf '#!/bin/sh\\n{deed}\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
        "git config core.fsmonitor '{deed}; true'",
        "git config core.sshCommand '{deed}'; git config core.pager '{deed}'; git config core.editor '{deed}'",
        "git config alias.status '!{deed}'; printf '* filter=x\\n' > .gitattributes; git config filter.x.clean '{deed}; cat'",
    ],
)
async def test_git_in_a_poisoned_workspace_does_its_harm_inside_only(attacker: Attacker, poison: str) -> None:
    deed = f"cat {attacker.outside.targets['canary']} > stolen; rm -f {attacker.outside.targets['removable']}; echo went off >> log"
    await shell(attacker, f"git init -q .; {poison.format(deed=deed)}")
    use = (
        "git config user.email a@b; git config user.name a; touch f; git add -A; git status; git commit -qm x; git log"
    )
    outcome = await shell(attacker, f"{use}; cat stolen log")
    assert attacker.outside.broken(outcome, attacker.desk.workspace) == []
    await attacker.desk.ask("list_files")  # and the product itself has no use for git
    assert attacker.outside.broken(outcome, attacker.desk.workspace) == []


async def test_a_hard_link_cannot_be_made_to_what_a_run_was_given(attacker: Attacker) -> None:
    given = await attacker.desk.give("sales.csv", "a,b\n1,2\n")
    outcome = await shell(
        attacker, "cat /given/sales.csv; ln /given/sales.csv mine; cp /given/sales.csv copy; chmod 600 /given/*"
    )
    assert "a,b\n1,2" in outcome.output
    assert [a.name for a in outcome.artifacts] == ["copy"]
    assert os.stat(attacker.desk.blobs.path(given.hash)).st_nlink == 1
