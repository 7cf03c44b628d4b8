"""Which hosts code may reach: those of the settings for everybody, those of policy.toml for some tools and operators."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.decisions import looks_like
from core.errors import BadInput, Misconfigured
from tools.addresses import host_name, literal

TABLE = "network"
_FIELDS = ("hosts", "tool", "operator")
_EXAMPLE = 'hosts = ["data.example.com", "*.files.example.org"]'


@dataclass(frozen=True, slots=True)
class HostList:
    """Names of hosts, and domains all of whose hosts are meant."""

    names: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: list[str], where: str) -> HostList:
        """Read "data.example.com" and "*.files.example.org"; raises Misconfigured naming the place and what is no host."""
        names, domains = set[str](), set[str]()
        for entry in entries:
            wild = entry.startswith("*.")
            try:
                host = host_name(entry[2:] if wild else entry)
            except BadInput:
                raise Misconfigured(f"{where}: {entry!r} is no host. Write names such as {_EXAMPLE}.") from None
            if "." not in host or literal(host) is not None:
                raise Misconfigured(
                    f"{where}: {entry!r} is no host on the internet; addresses in numbers are not taken."
                )
            (domains if wild else names).add(host)
        return cls(frozenset(names), frozenset(domains))

    def has(self, host: str) -> bool:
        """Say whether a host (lower case, ASCII) is meant."""
        return host in self.names or any(host.endswith(f".{domain}") for domain in self.domains)

    def __or__(self, other: HostList) -> HostList:
        return HostList(self.names | other.names, self.domains | other.domains)

    def __bool__(self) -> bool:
        return bool(self.names or self.domains)

    def __str__(self) -> str:
        return ", ".join(sorted([*self.names, *(f"*.{domain}" for domain in self.domains)]))


@dataclass(frozen=True, slots=True)
class HostRule:
    """Hosts for code of some tools and operators; texts may hold * for anything."""

    hosts: HostList
    tools: tuple[str, ...] = ("*",)
    operators: tuple[str, ...] = ("*",)

    def covers(self, tool: str, operator: str) -> bool:
        pairs = ((tool, self.tools), (operator, self.operators))
        return all(any(looks_like(pattern, name) for pattern in patterns) for name, patterns in pairs)


@dataclass(frozen=True, slots=True)
class OpenHosts:
    """All that is open, and for whom."""

    rules: tuple[HostRule, ...] = ()

    @classmethod
    def of(cls, listed: str, policy: Path) -> OpenHosts:
        """Read the setting and the [[network]] tables of a policy file (which may not exist); raises Misconfigured."""
        entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
        everybody = HostList.of(entries, "STAFFWORK_SANDBOX_HOSTS")
        return cls(((HostRule(everybody),) if everybody else ()) + tuple(_read(policy)))

    def of_call(self, tool: str, operator: str) -> HostList:
        """List what one call may reach."""
        found = HostList()
        for rule in self.rules:
            found |= rule.hosts if rule.covers(tool, operator) else HostList()
        return found

    def __bool__(self) -> bool:
        return bool(self.rules)


def _read(path: Path) -> list[HostRule]:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")).get(TABLE, [])
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as problem:
        raise Misconfigured(f"{path}: it cannot be read: {problem}.") from None
    if not isinstance(given, list):
        raise Misconfigured(f"{path}: write [[{TABLE}]], in double brackets.")
    return [_rule(path, number, table) for number, table in enumerate(given, 1)]


def _rule(path: Path, number: int, given: Mapping[str, Any]) -> HostRule:
    where = f"{path}, [[{TABLE}]] number {number}"
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise Misconfigured(f"{where}: there is no field {unknown[0]!r}. There are {', '.join(_FIELDS)}.")
    hosts = HostList.of(_texts(given.get("hosts", []), where), where)
    if not hosts:
        raise Misconfigured(f"{where}: hosts is missing. Write {_EXAMPLE}.")
    tools, operators = (tuple(_texts(given.get(name, "*"), where)) for name in ("tool", "operator"))
    return HostRule(hosts, tools, operators)


def _texts(value: Any, where: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and one.strip() for one in values):
        raise Misconfigured(f"{where}: give texts in quotes, such as {_EXAMPLE}.")
    return [one.strip() for one in values]
