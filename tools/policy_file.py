"""The rules of the house as a file (policy.toml in the data folder): read once at start, every mistake named with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from core.errors import Misconfigured
from tools.define import Risk
from tools.egress_hosts import TABLE as HOSTS
from tools.policy import Answer, Policy, Rule

NAME = "policy.toml"
ROLES = ("owner", "member")
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]")


def load_policy(path: Path) -> Policy:
    """Read the rules; no file, no rules. Raises Misconfigured that names the file, the line and the fix."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as problem:
        raise Misconfigured(f"{path}: it cannot be read: {problem}.") from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise Misconfigured(f"{path}: this is not TOML: {problem}.") from None
    lines = text.splitlines()
    if unknown := sorted(set(given) - {"rule", HOSTS}):
        raise _wrong(path, _line_of(lines, unknown[0]), f"{unknown[0]}: there is only [[rule]] and [[{HOSTS}]].")
    rules = given.get("rule", [])
    if not isinstance(rules, list):
        raise _wrong(path, _line_of(lines, "rule"), "a rule begins with [[rule]], in double brackets.")
    heads = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    if len(heads) != len(rules):
        raise _wrong(path, _line_of(lines, "rule"), "write each rule as a [[rule]] with its fields below.")
    return Policy(tuple(_rule(path, lines, head, rule) for head, rule in zip(heads, rules, strict=True)))


def _rule(path: Path, lines: list[str], head: int, given: Mapping[str, Any]) -> Rule:
    fields: dict[str, Any] = {"line": head}
    if "answer" not in given:
        raise _wrong(path, head, f"answer is missing. Say {_either(get_args(Answer))}.")
    for name, value in given.items():
        try:
            field, read = _FIELDS[name]
            fields[field] = read(value)
        except KeyError:
            known = ", ".join(_FIELDS)
            raise _wrong(
                path, _line_of(lines, name, head), f"{name}: there is no such field. There are {known}."
            ) from None
        except ValueError as problem:
            raise _wrong(path, _line_of(lines, name, head), f"{name}: {problem}") from None
    return Rule(**fields)


def _answer(value: Any) -> Any:
    if value not in get_args(Answer):
        raise ValueError(f"say {_either(get_args(Answer))}.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError('give a text in quotes, such as "write_file".')
    return value.strip()


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("the list is empty, so the rule would never apply. Leave it out to mean all.")
    return tuple(_text(v) for v in values)


def _roles(value: Any) -> tuple[str, ...]:
    if wrong := [v for v in _texts(value) if v not in ROLES]:
        raise ValueError(f"{wrong[0]!r} is no role. There are {', '.join(ROLES)}.")
    return _texts(value)


def _risks(value: Any) -> frozenset[Any]:
    if wrong := [v for v in _texts(value) if v not in get_args(Risk)]:
        raise ValueError(f"{wrong[0]!r} is no risk. There are {', '.join(get_args(Risk))}.")
    return frozenset(_texts(value))


def _arguments(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('give argument = "pattern" pairs, such as { url = "https://example.org/*" }.')
    return {name: _text(pattern) for name, pattern in value.items()}


def _tainted(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("say true or false.")
    return value


_FIELDS: Mapping[str, tuple[str, Any]] = {
    "answer": ("answer", _answer),
    "why": ("why", _text),
    "tool": ("tools", _texts),
    "operator": ("operators", _texts),
    "role": ("roles", _roles),
    "risk": ("risks", _risks),
    "arguments": ("arguments", _arguments),
    "tainted": ("tainted", _tainted),
}


def _either(words: tuple[str, ...]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def _line_of(lines: list[str], name: str, after: int = 0) -> int:
    """Find the line (from 1) where a field of the rule that begins at `after` is written; else where the rule begins."""
    written = re.compile(rf"^\s*(\[+\s*(rule\s*\.\s*)?)?[\"']?{re.escape(name)}[\"']?\s*[=.\]]")
    for number, line in enumerate(lines[after:], after + 1):
        if written.match(line):
            return number
        if after and _HEADER.match(line):
            break
    return after or 1


def _wrong(path: Path, line: int, words: str) -> Misconfigured:
    return Misconfigured(f"{path}, line {line}: {words}")
