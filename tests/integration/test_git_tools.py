"""Git as operators use it: ordinary work goes through, and a hostile repository makes it run nothing.

Each trap is tried with a plain git in the same sandbox first (`run_shell`), where it goes off: so each can fail.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from sandbox_fixtures import opened
from tools_fixtures import Desk

from core.errors import BadInput
from core.ports import ToolOutcome
from tools.git_arguments import CHANGES, READS, checked
from tools.sandbox.opening import Sandbox
from tools.sandbox.room import WORK

pytestmark = pytest.mark.sandbox
ATTRIBUTES = "echo '* filter=evil diff=evil merge=evil' > .gitattributes"
TRAPS = {
    "a hook before a commit": ("printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/*",
                               "commit -m x --allow-empty"),
    "a hook after a switch": ("printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/*",
                              "switch other"),
    "a folder of hooks": ("mkdir h; printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > h/post-commit; chmod +x h/*; "
                          "git config core.hooksPath @/h", "commit -m x --allow-empty"),
    "a monitor of files": ("git config core.fsmonitor 'touch @/SPRUNG; false'", "status"),
    "a monitor that is included": ("printf '[core]\\nfsmonitor = \"touch @/SPRUNG; false\"\\n' > .git/more; "
                                   "git config include.path more", "status"),
    "a monitor of one kind of place": ("printf '[core]\\nfsmonitor = \"touch @/SPRUNG; false\"\\n' > .git/more; "
                                       "git config includeIf.gitdir:/.path more", "status"),
    "a filter on the way in": (f"{ATTRIBUTES}; git config filter.evil.clean 'touch @/SPRUNG; cat'; echo y >> f",
                               "add f"),
    "a filter at a look": (f"{ATTRIBUTES}; git config filter.evil.clean 'touch @/SPRUNG; cat'; echo y >> f", "diff"),
    "a filter on the way out": (f"{ATTRIBUTES}; git config filter.evil.smudge 'touch @/SPRUNG; cat'; rm f",
                                "restore f"),
    "a filter that stays": (f"{ATTRIBUTES}; git config filter.evil.process 'touch @/SPRUNG; false'; rm f", "restore f"),
    "attributes outside of the tree": ("mkdir -p .git/info; echo '* filter=evil' > .git/info/attributes; "
                                       "git config filter.evil.smudge 'touch @/SPRUNG; cat'; rm f", "restore f"),
    "a text of what is no text": (f"{ATTRIBUTES}; git config diff.evil.textconv 'touch @/SPRUNG; cat'; echo y >> f",
                                  "diff"),
    "another program for differences": ("git config diff.external 'touch @/SPRUNG;'; echo y >> f", "diff"),
    "a program for one kind": (f"{ATTRIBUTES}; git config diff.evil.command 'touch @/SPRUNG;'; echo y >> f", "diff"),
    "a program that merges": (f"{ATTRIBUTES}; git add .; git commit -qm a; git config merge.evil.driver 'touch @/SPRUNG;'; "
                              "git switch -q other; echo z > f; git commit -qam z; git switch -q main; echo w > f; "
                              "git commit -qam w", "merge other -m x"),
    "a program that signs": ("git config commit.gpgSign true; printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > g; chmod +x g; "
                             "git config gpg.program @/g", "commit -m x --allow-empty"),
    "a program that signs with ssh": ("git config commit.gpgSign true; printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > g; "
                                      "chmod +x g; git config gpg.format ssh; git config user.signingKey k; "
                                      "git config gpg.ssh.program @/g", "commit -m x --allow-empty"),
    "an editor": ("git config core.editor 'touch @/SPRUNG;'", "commit --allow-empty"),
    "another name for a command": ("git config alias.show '!touch @/SPRUNG'; git config alias.st '!touch @/SPRUNG'",
                                   "st"),
    "a repository inside": ("git init -q sub; cd sub; git -c user.email=a@b -c user.name=a commit -q --allow-empty -m s; "
                            "git config core.fsmonitor 'touch @/SPRUNG; false'; cd ..; git add sub; cd sub; echo q > q",
                            "status"),
    "settings of a worktree": ("git config extensions.worktreeConfig true; "
                               "git config --worktree core.fsmonitor 'touch @/SPRUNG; false'", "status"),
    "a file that leads elsewhere": ("mkdir e; mv .git e/real; echo 'gitdir: e/real' > .git; "
                                    "git config core.fsmonitor 'touch @/SPRUNG; false'", "status"),
    "a link that leads elsewhere": ("mkdir e; mv .git e/real; ln -s e/real .git; "
                                    "git config core.fsmonitor 'touch @/SPRUNG; false'", "status"),
    "a common folder elsewhere": ("cp -r .git e; git --git-dir=e config core.fsmonitor 'touch @/SPRUNG; false'; "
                                  "echo @/e > .git/commondir", "status"),
    "an object that must be fetched": ("git config remote.o.url @/.git; git config remote.o.promisor true; "
                                       "git config extensions.partialClone o; git config core.repositoryformatversion 1; "
                                       "git config remote.o.uploadpack 'touch @/SPRUNG;'; "
                                       "rm -f .git/objects/$(git rev-parse HEAD:f | sed 's|^..|&/|')", "show HEAD:f"),
    "signatures that are checked": ("git config log.showSignature true; git config gpg.program 'touch @/SPRUNG;'; "
                                    "printf '#!/bin/sh\\ntouch @/SPRUNG\\n' > g; chmod +x g; git config gpg.program @/g; "
                                    "git cat-file commit HEAD | sed '/^committer/a gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n x\\n"
                                    " -----END PGP SIGNATURE-----' | git hash-object -t commit -w --stdin > id; "
                                    "git reset -q --hard $(cat id)", "log -1"),
}  # fmt: skip
"""What is done to a repository, and the git command that springs it; @ is the workspace as seen from inside."""

START = (
    "git init -q -b main .; git config user.email a@b; git config user.name a; echo x > f; git add f; git commit -qm first; "
    "git branch other"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return asyncio.run(opened(tmp_path_factory.mktemp("open"), sandbox_seconds=20))


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    return Desk(tmp_path, seconds=40, sandbox=sandbox)


async def git(desk: Desk, *arguments: str, repository: str = "") -> ToolOutcome:
    try:
        checked(arguments, READS)
        tool = "git_read"
    except BadInput:
        tool = "git_change"
    step = f"t1/{len(desk.changes.changes) + 1}.0"
    desk.context = desk.context.model_copy(update={"step": step})
    return await desk.use(tool, arguments=list(arguments), repository=repository)


async def well(desk: Desk, *arguments: str, repository: str = "") -> str:
    outcome = await git(desk, *arguments, repository=repository)
    assert outcome.status == "ok", outcome.output
    assert "exit code" not in outcome.output, outcome.output
    return outcome.output


async def test_ordinary_work_from_the_first_commit_to_a_merge(desk: Desk) -> None:
    await desk.ask("write_file", name="app/main.py", content="print('one')\n")
    await well(desk, "init", repository="app")
    assert "?? main.py" in await well(desk, "status", "-sb", repository="app")
    await well(desk, "add", "-A", repository="app")
    await well(desk, "commit", "-m", "First", repository="app")
    await well(desk, "switch", "-c", "better", repository="app")
    desk.context = desk.context.model_copy(update={"step": "t1/90.0"})
    await desk.ask("patch_file", file="app/main.py", find="one", replace="two")
    assert "+print('two')" in await well(desk, "diff", repository="app")
    await well(desk, "commit", "-am", "Better: two", repository="app")
    await well(desk, "switch", "main", repository="app")
    assert (desk.workspace / "app" / "main.py").read_text() == "print('one')\n"
    assert "Fast-forward" in await well(desk, "merge", "better", repository="app")
    assert (desk.workspace / "app" / "main.py").read_text() == "print('two')\n"
    log = await well(desk, "log", "--oneline", "--stat", "-2", repository="app")
    assert "Better: two" in log
    assert "First" in log
    await well(desk, "tag", "-a", "v1", "-m", "One", repository="app")
    await well(desk, "branch", "-d", "better", repository="app")
    assert await well(desk, "branch", "-a", repository="app") == "* main"
    assert await well(desk, "tag", repository="app") == "v1"
    assert "Staffwork" in await well(desk, "log", "--format=%an <%ae>", "-n", "1", repository="app")
    # The repository is an ordinary one: a plain git finds the same.
    plain = await desk.ask(
        "run_shell", command="cd app; git log --oneline | cat; git status --short; git fsck; git branch"
    )
    assert "Better: two" in plain
    assert "error" not in plain


async def test_what_git_changes_can_be_undone_and_what_not_is_said(desk: Desk) -> None:
    await desk.ask("run_shell", command=f"{START}; echo two > f")
    said = await well(desk, "restore", "f")
    assert said.startswith("Changed f (2 bytes).")
    assert "cannot be undone here: what git keeps of ./" in said
    number = len(desk.changes.changes)
    desk.context = desk.context.model_copy(update={"step": "t1/99.0"})
    await desk.ask("undo_change", change=number)
    assert (desk.workspace / "f").read_text() == "two\n"


async def test_a_patch_is_handed_over_and_applies(desk: Desk) -> None:
    await desk.ask("run_shell", command=f"{START}; echo two > f")
    made = await desk.use("git_change", arguments=["diff", "--output=out.patch"])
    assert [a.name for a in made.artifacts] == ["out.patch"]
    assert b"+two" in desk.blobs.path(made.artifacts[0].hash).read_bytes()
    await well(desk, "restore", "f")
    await well(desk, "apply", "out.patch")
    assert (desk.workspace / "f").read_text() == "two\n"


async def test_looking_changes_nothing(desk: Desk) -> None:
    await desk.ask("run_shell", command=f"{START}; echo two > f")
    files = {p: p.read_bytes() for p in desk.workspace.rglob("*") if p.is_file()}
    for look in (["status"], ["diff"], ["log", "-p"], ["show"], ["blame", "f"], ["grep", "two"], ["ls-files", "-s"],
                 ["branch"], ["rev-parse", "HEAD"], ["describe", "--always"], ["diff", "main", "other", "--", "f"]):  # fmt: skip
        await well(desk, *look)
    assert {p: p.read_bytes() for p in desk.workspace.rglob("*") if p.is_file()} == files


@pytest.mark.parametrize("trap", TRAPS)
async def test_a_hostile_repository_makes_git_run_nothing(desk: Desk, trap: str) -> None:
    prepare, command = (words.replace("@/", f"{WORK}/") for words in TRAPS[trap])
    sprung = desk.workspace / "SPRUNG"
    await desk.ask("run_shell", command=f"{START}; {prepare}")
    sprung.unlink(missing_ok=True)
    kept = desk.workspace.with_name("kept")
    shutil.copytree(desk.workspace, kept, symlinks=True)
    plain = await desk.ask("run_shell", command=f"git {command} 2>&1 | cat")
    assert sprung.exists(), plain  # the trap is one
    shutil.rmtree(desk.workspace)
    kept.rename(desk.workspace)
    words = command.split()
    for tool in ("git_read", "git_change"):
        await desk.use(tool, arguments=words)
    for more in (["status"], ["diff"], ["log", "-p", "-3"]):
        await desk.use("git_read", arguments=more)
    for more in (["add", "-A"], ["commit", "-m", "y", "--allow-empty"], ["switch", "other"], ["checkout", "-f", "main"],
                 ["reset", "--hard"], ["merge", "other"]):  # fmt: skip
        await desk.use("git_change", arguments=more)
    assert not sprung.exists()


NOT_ASKED = """
push; fetch; clone x; pull; remote -v; config -l; submodule update; -c x=y log; --exec-path=/work log; diff
--ext-diff; diff --textconv; diff --no-index a b; log --show-signature; log --format=%G?; grep -Oless x; add -i; add
-p; commit -S; commit --template=x; commit -e; merge -s x; rebase -i; gc; daemon; archive HEAD; diff --output=../x;
diff --output=.git/hooks/pre-commit; init --template=/work; log -n --output=x; switch -c --x; bisect run;
filter-branch; st; log\0; branch x --edit-description; status --help; log --output=x; restore -p; checkout -p; reset
-p; apply --unsafe-paths x; tag -s v1; tag -u k v1; commit --trailer=a=b; add --edit; mergetool; difftool
"""


@pytest.mark.parametrize("words", NOT_ASKED.replace("\n", " ").split(";"))
def test_what_is_not_on_the_list_never_gets_to_git(words: str) -> None:
    for allowed in (READS, CHANGES):
        with pytest.raises(BadInput):
            checked(words.split(), allowed)


def test_a_look_makes_nothing_and_too_much_is_refused() -> None:
    for arguments in (["branch", "new"], ["tag", "new"], [], ["log"] * 200, ["log", "x" * 5_000]):
        with pytest.raises(BadInput):
            checked(arguments, READS)


async def test_folders_that_are_no_repositories(desk: Desk) -> None:
    missing = await git(desk, "status")
    assert (missing.status, "./.git is missing" in missing.output) == ("failed", True)
    assert (await git(desk, "status", repository="../other")).status == "failed"
    assert (await git(desk, "status", repository="/etc")).status == "failed"
    await desk.ask(
        "run_shell", command="mkdir real; cd real; git init -q .; cd ..; ln -s real link; git init -q bare --bare"
    )
    linked = await git(desk, "status", repository="link")
    assert "is a link, or leads elsewhere" in linked.output
    assert (await git(desk, "init", repository="real")).output == "There is a repository already."
