"""The program that runs git inside the sandbox, on a repository that is taken for hostile. Standard library only.

Git never reads the repository's own configuration, hooks and attributes: it is given a common folder of our own, in which
only what it needs of the repository (objects, references, logs) is linked. Of the configuration a few harmless values are taken
over. What would lead into another repository (submodules, worktrees, links in place of folders) is refused.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TAKEN = ("core.filemode", "core.ignorecase", "core.symlinks", "core.autocrlf", "core.eol", "core.abbrev")
FORMATS = {"core.repositoryformatversion": ("0", "1"), "extensions.objectformat": ("sha1", "sha256")}
MOST_FOLDERS = 20_000
COMMON = Path("/tmp/common")  # noqa: S108 - the run's own
SETTINGS = {
    "core.hooksPath": "/dev/null", "core.fsmonitor": "false", "core.pager": "cat", "core.editor": "false",
    "core.attributesFile": "/dev/null", "core.excludesFile": "/dev/null", "core.sshCommand": "false",
    "core.quotePath": "false", "core.alternateRefsCommand": "false",
    "gc.auto": "0", "maintenance.auto": "false", "commit.gpgSign": "false", "tag.gpgSign": "false", "gpg.program": "false",
    "gpg.ssh.program": "false", "gpg.x509.program": "false", "protocol.allow": "never", "submodule.recurse": "false",
    "diff.ignoreSubmodules": "all", "status.submoduleSummary": "false", "log.showSignature": "false", "color.ui": "false",
    "branch.autoSetupMerge": "false", "advice.detachedHead": "false", "init.defaultBranch": "main", "credential.helper": "",
    "user.name": "Staffwork", "user.email": "staffwork@localhost",
}  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nowhere", "LANG": "C.UTF-8", "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat", "GIT_EDITOR": "false", "GIT_SEQUENCE_EDITOR": "false", "GIT_ASKPASS": "false", "SSH_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}  # fmt: skip


class Odd(Exception):
    """Why nothing is done with a repository."""


def main() -> None:
    request = json.load(sys.stdin)
    try:
        arguments, environment = prepared(request["repository"], request["arguments"], request["reads"])
    except Odd as problem:
        print(problem, file=sys.stderr)
        sys.exit(125)
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    os.chdir(environment.pop("FOLDER"))
    os.execve("/usr/bin/env", ["env", "git", "--no-pager", *settings, *arguments], environment)  # noqa: S606 - of a closed list


def prepared(repository: str, arguments: list[str], reads: bool) -> tuple[list[str], dict[str, str]]:
    """Say what git is to be called with, arguments and environment; raises Odd if it is not to be called."""
    folder = Path("/work", repository)
    if folder.resolve() != folder or not folder.is_relative_to("/work"):
        raise Odd("The repository's folder is a link, or leads elsewhere.")
    environment = ENVIRONMENT | {"GIT_OPTIONAL_LOCKS": "0" if reads else "1", "FOLDER": str(folder)}
    own = folder / ".git"
    if arguments[0] == "init":
        if own.is_symlink() or own.exists():
            raise Odd("There is a repository already.")
        folder.mkdir(parents=True, exist_ok=True)
        return arguments, environment
    if own.is_symlink() or not own.is_dir():
        what = "a link or a file, which leads to another repository" if own.is_symlink() or own.exists() else "missing"
        raise Odd(f"{repository}/.git is {what}. Make a repository with git init, in the folder that is to be one.")
    look_for_others(folder)
    share(own)
    environment |= {
        "GIT_DIR": str(own), "GIT_WORK_TREE": str(folder), "GIT_COMMON_DIR": str(COMMON),
        "GIT_OBJECT_DIRECTORY": str(own / "objects"),
    }  # fmt: skip
    return arguments, environment


def look_for_others(folder: Path) -> None:
    """Refuse repositories inside the repository: git would go into them, with their own configuration."""
    for number, (place, folders, files) in enumerate(os.walk(folder)):
        if number > MOST_FOLDERS:
            raise Odd("The repository has too many folders.")
        found = [name for name in folders + files if name.casefold() == ".git"]
        if place == str(folder):
            folders[:] = [name for name in folders if name != ".git"]
            found = [name for name in found if name != ".git"]
        if found:
            inside = os.path.relpath(os.path.join(place, found[0]), folder)
            raise Odd(f"There is another repository inside this one ({inside}), and git would go into it.")


def share(own: Path) -> None:
    """Make the common folder: our own configuration, and links to what the repository keeps."""
    for name in ("objects", "refs"):
        if (own / name).is_symlink() or not (own / name).is_dir():
            raise Odd(f"This is no repository that can be used: .git/{name} is missing, or a link.")
    if (own / "objects" / "info" / "alternates").exists():
        raise Odd("This repository takes its objects from another one (.git/objects/info/alternates).")
    COMMON.mkdir()
    (own / "logs").mkdir(exist_ok=True)
    for name in ("refs", "logs", "packed-refs", "shallow"):
        (COMMON / name).symlink_to(own / name)
    (COMMON / "info").mkdir()
    if (exclude := own / "info" / "exclude").is_file() and not exclude.is_symlink():
        (COMMON / "info" / "exclude").write_bytes(exclude.read_bytes()[:100_000])
    configure(configured(own / "config"))


def configure(found: dict[str, str]) -> None:
    """Write our own configuration, with what is taken over of the repository's."""
    for key, allowed in FORMATS.items():
        if found.get(key, allowed[0]) not in allowed:
            raise Odd(f"This repository is of a kind that is not known here ({key} = {found[key][:40]}).")
    lines = []
    for key in (*FORMATS, *TAKEN):
        if key in found:
            section, _, name = key.partition(".")
            lines += [f"[{section}]", f"\t{name} = {json.dumps(found[key])}"]
    (COMMON / "config").write_text("\n".join(lines) + "\n")
    SETTINGS.update({key: found[key] for key in ("user.name", "user.email") if found.get(key, "").strip()})


def configured(path: Path) -> dict[str, str]:
    """Read a configuration as data: without what it includes, and without carrying out anything."""
    if path.is_symlink() or not path.is_file():
        return {}
    read = ("git", "config", "--file", str(path), "--no-includes", "--null", "--list")
    environment = ENVIRONMENT | {"GIT_DIR": "/nowhere"}
    said = subprocess.run(read, cwd="/", env=environment, capture_output=True, timeout=20, check=False)  # noqa: S603
    entries = (entry.partition("\n") for entry in said.stdout.decode(errors="replace").split("\0") if entry)
    return {key: value for key, _, value in entries if len(value) < 500}


if __name__ == "__main__":
    main()
