"""What may be asked of git: a closed list of subcommands and options; nothing else gets as far as a command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import BadInput
from tools.workspace import checked_name

_MOST, _LONGEST = 100, 4_000  # arguments, and characters of one
_SHAPES = {
    "number": re.compile(r"\d{1,6}"),
    "name": re.compile(r"(?![-/.])[\w./-]{1,200}"),
    "revision": re.compile(r"(?!-)[\w./@^~{}:-]{1,300}"),
    "text": re.compile(r"(?!-)[^\0]+", re.DOTALL),
    "format": re.compile(r"(?!.*%G)[^\0\x1b]{1,300}"),  # %G would have signatures checked by a program
}
_SEEN = "--stat --numstat --shortstat --name-only --name-status --summary -p --patch --no-renames -M"
_DIFF = f"{_SEEN} -w -b --minimal --patience --histogram --word-diff --full-index --binary --unified=number -U=number"
_LOG = (
    f"{_DIFF} --oneline --graph --all --merges --no-merges --reverse --follow --first-parent --decorate -n=number "
    "--max-count=number --skip=number --since=text --until=text --author=text --grep=text -S=text -G=text --format=format "
    "--pretty=format --date=name --abbrev-commit"
)


@dataclass(frozen=True, slots=True)
class _Command:
    """One subcommand: its options (with what comes behind "=" if they take a value), what stands free, and what we add."""

    options: Mapping[str, str]
    free: str = "revision"
    added: tuple[str, ...] = ()


def _command(options: str = "", free: str = "revision", added: str = "") -> _Command:
    pairs = (option.partition("=") for option in options.split())
    return _Command({name: shape for name, _, shape in pairs}, free, tuple(added.split()))


_SHOWN = "--no-ext-diff --no-textconv --no-color"
_NO_MODULES = "--ignore-submodules=all"
READS: Mapping[str, _Command] = {
    "status": _command("--short -s --branch -b --porcelain --ignored", "text", _NO_MODULES),
    "diff": _command(f"{_DIFF} --cached --staged --check", added=f"{_SHOWN} {_NO_MODULES}"),
    "log": _command(_LOG, added=f"{_SHOWN} {_NO_MODULES} --no-show-signature"),
    "show": _command(_LOG, added=f"{_SHOWN} {_NO_MODULES} --no-show-signature"),
    "blame": _command("-L=text -w -s --date=name", added="--no-textconv"),
    "grep": _command(
        "-n -i -w -l -c -F -E --cached -e=text", "text", "--no-textconv --no-color --no-recurse-submodules"
    ),
    "ls-files": _command("-s --stage -m --modified -o --others -d --deleted --exclude-standard", "text"),
    "branch": _command(
        "-a --all -v --list --show-current --contains=revision --merged=revision", "nothing", "--no-color"
    ),
    "tag": _command("-n --list -l --contains=revision", "nothing", "--no-color"),
    "rev-parse": _command("--short --abbrev-ref --verify"),
    "merge-base": _command("--is-ancestor"),
    "describe": _command("--tags --always --long"),
}
CHANGES: Mapping[str, _Command] = {
    "init": _command("-b=name --initial-branch=name", "nothing", "--template="),
    "add": _command("-A --all -u --update -n --dry-run -f", "text"),
    "rm": _command("-r --cached -f -q", "text"),
    "mv": _command("-f -k", "text"),
    "commit": _command(
        "-m=text --message=text -a --all --amend --no-edit --allow-empty -q",
        "text",
        "--no-verify --no-gpg-sign --no-status --cleanup=strip",
    ),
    "branch": _command("-d -D -m -M -f", "revision", "--no-track"),
    "switch": _command(
        "-c=name -C=name --create=name --detach -f --orphan=name", "revision", "--no-guess --no-progress"
    ),
    "checkout": _command("-b=name -B=name --detach -f", "revision", "--no-guess --no-progress"),
    "restore": _command("--staged --worktree -S -W --source=revision -s=revision", "text", "--no-progress"),
    "reset": _command("--soft --mixed --hard -q", "revision"),
    "merge": _command(
        "-m=text --no-ff --ff-only --squash --abort --no-commit",
        "revision",
        "--no-verify --no-gpg-sign --no-verify-signatures",
    ),
    "apply": _command("--check --index --cached --3way -R --reverse -p=number --stat", "text"),
    "tag": _command("-a -m=text -d -f", "revision", "--no-sign"),
    # Written into a file, as a patch to hand over.
    "diff": _command(f"{_DIFF} --cached --staged --output=file", added=f"{_SHOWN} {_NO_MODULES}"),
    "show": _command(f"{_DIFF} --output=file", added=f"{_SHOWN} {_NO_MODULES} --no-show-signature"),
}


def checked(given: Sequence[str], allowed: Mapping[str, _Command]) -> list[str]:
    """Return the arguments for git; raises BadInput that names the one that is not allowed, and those that are."""
    if not given or len(given) > _MOST or any(len(part) > _LONGEST or "\0" in part for part in given):
        raise BadInput(f"Give a subcommand and at most {_MOST} arguments of {_LONGEST:,} characters.")
    name, *rest = given
    if (command := allowed.get(name)) is None:
        raise BadInput(
            f"git {name[:40]!r} cannot be used here. There are: {', '.join(allowed)}. Nothing reaches a network."
        )
    return [name, *command.added, *_arguments(name, command, rest)]


def _arguments(name: str, command: _Command, rest: Sequence[str]) -> list[str]:
    said, waiting = list[str](), list(rest)
    while waiting:
        part = waiting.pop(0)
        if part == "--":
            return [*said, "--", *waiting]
        if not part.startswith("-"):
            said.append(_valued(name, "", part, command.free))
            continue
        if _is_cluster(command, part):
            waiting[:0] = [f"-{letter}" for letter in part[1:]]
            continue
        option, value = _split(command, part)
        if option not in command.options:
            raise BadInput(f"git {name} takes no {part[:40]!r} here. Options: {' '.join(command.options) or 'none'}.")
        if (shape := command.options[option]) and value is None:
            if not waiting:
                raise BadInput(f"git {name} {option} needs a value.")
            value = waiting.pop(0)
        if not shape and value is not None:
            raise BadInput(f"git {name} {option} takes no value.")
        said += [option] if value is None else _joined(option, _valued(name, option, value, shape))
    return said


def _is_cluster(command: _Command, part: str) -> bool:
    """Say whether these are several options in one, as in -am."""
    letters = part[1:]
    return (
        len(letters) > 1 and part not in command.options and all(f"-{letter}" in command.options for letter in letters)
    )


def _split(command: _Command, part: str) -> tuple[str, str | None]:
    """Take apart --name=value, -n5 and -5."""
    if part.startswith("--"):
        option, equals, value = part.partition("=")
        return option, value if equals else None
    if re.fullmatch(r"-\d+", part) and "-n" in command.options:
        return "-n", part[1:]
    if len(part) > 2 and command.options.get(part[:2]):
        return part[:2], part[2:]
    return part, None


def _joined(option: str, value: str) -> list[str]:
    return [f"{option}={value}"] if option.startswith("--") else [f"{option}{value}"]


def _valued(name: str, option: str, value: str, shape: str) -> str:
    if shape == "file":
        return checked_name(value)
    pattern = _SHAPES.get(shape)
    if pattern is None or pattern.fullmatch(value) is None:
        raise BadInput(f"git {name} {option}: {value[:60]!r} cannot stand here.".replace(" :", ":"))
    return value
