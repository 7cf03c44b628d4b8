"""What may run, what a person must be asked first, what never runs: one pure judgement per call, by what code knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from core.decisions import looks_like
from core.ports import ToolContext
from core.steering import PERMISSIONS
from tools.define import ONLY_LOOKS, Risk, Ruling, Tool
from tools.provenance import addresses, stands_in, tells

Answer = Literal["allow", "ask", "deny"]
GRAVE: frozenset[Risk] = frozenset({"money", "destructive"})
"""Asked about each time: no remembered decision covers these."""
_CODE_OUTSIDE: frozenset[Risk] = frozenset({"execute", "network"})
LASTING = frozenset({"remember"})
"""Tools whose result is believed in later conversations."""
ONE_BY_ONE = ("once", "edit", "reject")
ANY_WAY = (*PERMISSIONS, "reject")


class Kind(Protocol):
    """What rules look at of a tool."""

    @property
    def name(self) -> str: ...

    @property
    def risks(self) -> frozenset[Risk]: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the house; what it does not name, it does not look at. Texts may hold * for anything.

    `arguments` maps an argument to what its value (as text) must look like; `line` is where it stands in the policy file.
    """

    answer: Answer
    why: str = ""
    tools: tuple[str, ...] = ("*",)
    operators: tuple[str, ...] = ("*",)
    roles: tuple[str, ...] = ("*",)
    risks: frozenset[Risk] = frozenset()
    arguments: Mapping[str, str] = field(default_factory=dict)
    tainted: bool | None = None
    line: int = 0

    def covers(self, tool: Kind, arguments: Mapping[str, Any], context: ToolContext, role: str) -> bool:
        """Say whether this rule speaks of a call."""
        names = ((tool.name, self.tools), (context.operator, self.operators), (role, self.roles))
        return (
            all(any(looks_like(pattern, name) for pattern in patterns) for name, patterns in names)
            and (not self.risks or bool(self.risks & tool.risks))
            and (self.tainted is None or self.tainted == bool(context.tainted))
            and all(name in arguments and looks_like(p, as_text(arguments[name])) for name, p in self.arguments.items())
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of the house, in order; the first that covers a call decides, else what the house does by itself."""

    rules: tuple[Rule, ...] = ()

    @property
    def by_role(self) -> bool:
        """Say whether it matters who the user is."""
        return any(rule.roles != ("*",) for rule in self.rules)

    def rule(self, tool: Kind, arguments: Mapping[str, Any], context: ToolContext, role: str = "") -> Ruling | None:
        """Say what the rules of the house say of a call; None if none speaks of it."""
        choices = _choices(tool)
        for rule in self.rules:
            if rule.covers(tool, arguments, context, role):
                return Ruling(rule.answer, rule.why or _RULE_WORDS[rule.answer], choices)
        return None

    def judge(self, tool: Tool, arguments: Mapping[str, Any], context: ToolContext, role: str = "") -> Ruling:
        """Judge one call that is granted and whose arguments are right."""
        choices = _choices(tool)
        ruled = self.rule(tool, arguments, context, role)
        if tool.judge is not None:  # it gives something away: what the house allows in general does not stand for that
            asked = ruled is not None and ruled.answer != "allow"
            own = replace(ruled, choices=ONE_BY_ONE) if asked and ruled else tool.judge(context, arguments)
            if own.answer != "allow":  # what a tool itself allows is no more allowed than any other call
                return own
        elif ruled is not None:
            return ruled
        if why := _reason_to_ask(tool, arguments, context):
            return Ruling("ask", why, choices)
        return Ruling("allow")


def _choices(tool: Kind) -> tuple[str, ...]:
    """Say how a person may decide: no remembered decision covers what is grave, or code that can reach the internet."""
    return ONE_BY_ONE if tool.risks & GRAVE or tool.risks >= _CODE_OUTSIDE else ANY_WAY


_RULE_WORDS = {
    "allow": "",
    "ask": "The rules of this house ask you first.",
    "deny": "The rules of this house forbid it.",
}


def _reason_to_ask(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> str:
    """Say why a person must be asked, by what the tool does and by what the operator has read; "" if they need not be."""
    chosen = _chosen(tool, arguments)
    for holds, needs_asking, words in _REASONS:
        if holds(tool) and needs_asking(chosen, context):
            return f"{words} {context.tainted or context.folder}".strip()
    return ""


def _chosen(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out arguments that only say what the tool does anyway: with them it is the same call."""
    fields = tool.arguments.model_fields
    usual = {name: field.default for name, field in fields.items() if not field.is_required()}
    return {n: v for n, v in arguments.items() if n not in usual or (type(v), v) != (type(usual[n]), usual[n])}


def _always(_arguments: Mapping[str, Any], _context: ToolContext) -> bool:
    return True


def _in_other_words(arguments: Mapping[str, Any], context: ToolContext) -> bool:
    """Say whether the call does anything but what the user said in so many words; a mere number is no words."""
    return not (tells(arguments) and stands_in(arguments, context.said))


def _under_influence(arguments: Mapping[str, Any], context: ToolContext) -> bool:
    return bool(context.tainted) and _in_other_words(arguments, context)


def _over_strangers_files(arguments: Mapping[str, Any], context: ToolContext) -> bool:
    """Say whether files here were written under a stranger's influence: code runs them, whoever asks for it and read nothing."""
    return bool(context.folder) and _in_other_words(arguments, context)


def _to_an_unknown_address(arguments: Mapping[str, Any], context: ToolContext) -> bool:
    """Say whether an address is called that neither the user nor a search gave: what it holds may be what was read here."""
    return bool(context.tainted) and any(
        address not in context.links and not stands_in({"address": address}, context.said)
        for address in addresses(arguments)
    )


_Needs = Callable[[Mapping[str, Any], ToolContext], bool]
_REASONS: Sequence[tuple[Callable[[Tool], bool], _Needs, str]] = (
    (lambda t: "money" in t.risks, _always, "It spends money."),
    (lambda t: "destructive" in t.risks, _always, "What it does cannot be undone."),
    (lambda t: t.risks >= _CODE_OUTSIDE, _in_other_words, "It runs code that can send what it finds to the internet."),
    (lambda t: "network" in t.risks and not t.risks <= ONLY_LOOKS, _in_other_words, "It changes something outside."),
    (lambda t: "execute" in t.risks, _under_influence, "It runs code, and may follow a stranger's words:"),
    (
        lambda t: "execute" in t.risks,
        _over_strangers_files,
        "It runs code, and files here may follow a stranger's words:",
    ),
    (lambda t: t.name in LASTING, _under_influence, "Later conversations would believe it:"),
    (lambda t: "write" in t.risks and not t.undo, _under_influence, "You could not simply take it back:"),
    (lambda t: "network" in t.risks, _to_an_unknown_address, "It calls an address that you did not give:"),
)


def as_text(value: Any) -> str:
    """Write an argument's value as patterns see it."""
    return value if isinstance(value, str) else repr(value)
