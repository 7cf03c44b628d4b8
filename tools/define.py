"""How a typed function becomes a tool: its docstring is what the model reads, its signature is the schema."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from core.errors import BadInput
from core.memories import Picture
from core.missions import Artifact, Source
from core.ports import ToolContext, ToolSpec
from tools.tool_words import explained, short

Risk = Literal["read", "write", "execute", "network", "money", "destructive"]
"""What a call does, several may apply: "read" looks; "write" changes something here, "execute" runs code; "network" reaches
out (with "write": changes something outside); "money" spends; "destructive" cannot be undone."""
Repeatable = Literal["none", "idempotent", "once"]
"""What a repetition does: "none", nothing, it only reads; "idempotent", nothing more than the first time; "once", harm."""

ONLY_LOOKS: frozenset[Risk] = frozenset({"read", "network"})


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gives back when plain text is not enough: the text, what it rests on, and the files it made.

    `changed` False says that this call, though it might have, did nothing but look; `grants` names tools it gives the task;
    `tainted` that this text holds words from outside, though the tool's results do not as a rule; `pictures` are to be shown
    with it to a model that can see.
    """

    text: str
    sources: tuple[Source, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    changed: bool = True
    grants: tuple[str, ...] = ()
    tainted: bool = False
    pictures: tuple[Picture, ...] = ()


class Verdict(Enum):
    """What a tool's own check found, where it did not find the result."""

    NOT_HAPPENED = "it did not happen, and will not any more"
    UNKNOWN = "it cannot be told"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a call, why (a sentence for people), and what a person may choose if they are asked."""

    answer: Literal["allow", "ask", "deny"]
    why: str = ""
    choices: tuple[str, ...] = ()


Judge = Callable[[ToolContext, Mapping[str, Any]], Ruling]
Check = Callable[[ToolContext, Mapping[str, Any]], Awaitable[ToolResult | Verdict]]
"""Finds out whether a call happened: returns its result, or a Verdict; must change nothing."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing an operator can do; `intent` is a sentence with argument names in braces, such as "Read {file}".

    `taints` says that its results come from outside (files, the web, other servers) and may hold orders of strangers;
    `undo` says how a person takes back what it did ("" if they cannot, or need not). `roles` are those whose missions may use it
    (all, if none is named). `judge` rules on a call by its arguments, where the rules of the house do not.
    """

    spec: ToolSpec
    arguments: type[BaseModel]
    intent: str
    risks: frozenset[Risk]
    run: Callable[[ToolContext, Mapping[str, Any]], Awaitable[ToolResult]]
    effect: Repeatable = "none"
    verify: Check | None = None
    taints: bool = False
    undo: str = ""
    roles: tuple[str, ...] = ()
    judge: Judge | None = None
    there: Callable[[], bool] = lambda: True
    """Whether it can be used just now; while it cannot, it is not offered."""
    more: Mapping[str, Risk] = field(default_factory=dict)
    """Risks that a call has on top if an argument is true, such as {"network": "network"}."""

    @property
    def name(self) -> str:
        return self.spec.name

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function takes them; raises BadInput naming each wrong one and the right ones."""
        try:
            checked = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise BadInput(explained(self.spec, error)) from None
        return {name: getattr(checked, name) for name in self.arguments.model_fields}

    def as_called(self, given: Mapping[str, Any]) -> Tool:
        """Return the tool with the risks of one call."""
        added = {risk for name, risk in self.more.items() if given.get(name)}
        return replace(self, risks=self.risks | added) if added else self

    def words(self, given: Mapping[str, Any]) -> str:
        """Say what a call with these arguments, right or wrong, is about to do."""
        return self.intent.format_map({name: short(given.get(name, "…")) for name in self.arguments.model_fields})


def define(
    function: Callable[..., Any],
    intent: str,
    risk: Risk | Collection[Risk] = "read",
    *,
    effect: Repeatable | None = None,
    verify: Check | None = None,
    taints: bool = False,
    undo: str = "",
    roles: tuple[str, ...] = (),
    judge: Judge | None = None,
    without: Collection[str] = (),
) -> Tool:
    """Make a tool of a function whose first parameter is the ToolContext (it is not part of the schema).

    `effect` says what a repetition would do; not said, what only reads (here or on the network) does nothing, and anything
    else must not be repeated unseen. `risk` is one kind or several, such as ("network", "write").
    `verify` finds out whether an interrupted call of a "once" tool happened. Arguments named in `without` do not exist here
    and keep their defaults.

    A plain function runs in a thread. A thread cannot be killed: after a timeout it runs on unseen, so a plain
    function must be bounded by itself (files of limited size, no waiting); whatever can take long must be async.
    """
    name = function.__name__
    risks = _risks(name, risk)
    effect = effect or ("none" if risks <= ONLY_LOOKS else "once")
    if effect == "none" and risks & {"write", "money", "destructive"}:
        raise ValueError(f"{name} changes something, so it has an effect: say whether it is idempotent or once.")
    if verify is not None and effect != "once":
        raise ValueError(f"{name}: only a call that must not be repeated (effect once) needs to be verified.")
    arguments = _arguments(function, without)
    spec = ToolSpec(name=name, description=inspect.cleandoc(function.__doc__ or ""), parameters=_schema(arguments))

    async def run(context: ToolContext, given: Mapping[str, Any]) -> ToolResult:
        if inspect.iscoroutinefunction(function):
            returned = await function(context, **given)
        else:
            returned = await asyncio.to_thread(function, context, **given)
        return returned if isinstance(returned, ToolResult) else ToolResult(returned)

    return Tool(spec, arguments, intent, risks, run, effect, verify, taints, undo, roles, judge)


def only_while(there: Callable[[], bool], tools: Iterable[Tool]) -> list[Tool]:
    """Have tools offered only while something is there that they need."""
    return [replace(tool, there=there) for tool in tools]


def _risks(name: str, given: Risk | Collection[Risk]) -> frozenset[Risk]:
    risks: frozenset[Risk] = frozenset([given] if isinstance(given, str) else given)
    if not risks or not risks <= set(get_args(Risk)):
        raise ValueError(f"{name}: risk must be one or several of {', '.join(get_args(Risk))}.")
    return risks


def _arguments(function: Callable[..., Any], without: Collection[str]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    _context, *parameters = inspect.signature(function).parameters.values()
    fields: dict[str, Any] = {
        p.name: (hints[p.name], ... if p.default is inspect.Parameter.empty else p.default)
        for p in parameters
        if p.name not in without
    }
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid", strict=True), **fields)


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    properties = {name: _plain(value) for name, value in schema.get("properties", {}).items()}
    return {
        "type": "object",
        "properties": properties,
        "required": list(schema.get("required", [])),
        "additionalProperties": False,
    }


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop what a model need not read: titles, and the null of an argument that may be left out."""
    kept = {k: v for k, v in schema.items() if k != "title"}
    choices = [c for c in kept.get("anyOf", []) if c != {"type": "null"}]
    if len(choices) == 1:
        kept = {k: v for k, v in kept.items() if k not in ("anyOf", "default")} | choices[0]
    return kept
