"""How an operator gets a tool it does not have: within closed rules, or by a person's approval, for one task only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from core.errors import BadInput, Refused
from core.ports import ToolContext
from tools.catalogue import Catalogue, Entry
from tools.define import ONLY_LOOKS, Ruling, Tool, ToolResult, define
from tools.policy import GRAVE, ONE_BY_ONE, Policy

_EVERYBODYS = frozenset({"request_tools", "request_context", "search_tools"})
_MOST_NAMES, _MOST_FOUND, _GRANTED_BY_NEED = 8, 8, 2
_DOES = {
    "read": "reads", "write": "changes things here", "execute": "runs code", "network": "reaches the network",
    "money": "spends money", "destructive": "does what cannot be undone",
}  # fmt: skip

Need = Annotated[str, Field(max_length=500)]  # what the operator needs to do, in words


class GrantTools:
    """The catalogue in operators' hands. `policy` holds the rules of the house, which speak of tools here as in every call."""

    def __init__(self, catalogue: Catalogue, policy: Policy) -> None:
        self._catalogue, self._policy = catalogue, policy

    def tools(self) -> list[Tool]:
        return [
            define(self.search_tools, "Look for tools: {need}"),
            define(self.request_tools, "Give this operator {names} for this task", judge=self.judge),
        ]

    async def search_tools(self, context: ToolContext, need: Need) -> str:
        """Find tools by what you need to do, in words; says of each whether you have it or may request it."""
        if not need.strip():
            raise BadInput("need: it is empty. Say in words what you need to do.")
        found = await self._closest(need)
        return "\n".join(f"{e.name}: {e.short} ({_risks(e)}; {self._stands(e, context)})" for e in found)

    async def request_tools(
        self,
        context: ToolContext,
        names: Annotated[list[str] | None, Field(max_length=_MOST_NAMES)] = None,
        need: Need = "",
        reason: Annotated[str, Field(max_length=500)] = "",
    ) -> ToolResult:
        """Ask for tools you lack: by name, or by what you need to do."""
        if names:
            return _answer(*self._sorted(names, context))
        if not need.strip():
            raise BadInput("Name the tools (names), or say what you need to do (need).")
        best = await self._closest(need)
        free = [e.name for e in best if self._ruling(e, context).answer == "allow"][:_GRANTED_BY_NEED]
        asked = [f"{e.name}: ask for it by its name; the user will decide." for e in best if self._asks(e, context)]
        refused = [f"{e.name}: {why}" for e in best if (why := self._forbidden(e, context))] if not free else []
        return _answer(free, (asked + refused)[:4])

    def judge(self, context: ToolContext, given: Mapping[str, Any]) -> Ruling:
        """Rule on a request: what needs a person's approval is named with what it does; what cannot be had is not asked for."""
        known = [e for name in _named(given.get("names")) if (e := self._catalogue.get(name))]
        asking = [(e, ruling) for e in known if (ruling := self._ruling(e, context)).answer == "ask"]
        if not asking:
            return Ruling("allow")
        parts = [f"{e.name} {_does(e)}." + (f" {ruling.why}" if ruling.why else "") for e, ruling in asking]
        # Never for later ones too: a grant is for one task, so no decision about one is remembered.
        return Ruling("ask", f"For this task only: {' '.join(parts)}", ONE_BY_ONE)

    async def _closest(self, need: str) -> list[Entry]:
        """Find the tools closest to a need, but for those that every operator sees anyway."""
        names = [entry.name for entry in self._catalogue.entries() if entry.name not in _EVERYBODYS]
        return (await self._catalogue.ranked(need, names))[:_MOST_FOUND]

    def _sorted(self, names: Sequence[str], context: ToolContext) -> tuple[list[str], list[str]]:
        granted, refused = list[str](), list[str]()
        for name in _named(names):
            entry = self._catalogue.get(name)
            if entry is None:
                refused.append(f"{name[:60]}: there is no such tool. Say what you need to do (need) to find one.")
            elif why := self._forbidden(entry, context):
                refused.append(f"{name}: {why}")
            else:
                granted.append(name)
        return granted, refused

    def _asks(self, entry: Entry, context: ToolContext) -> bool:
        return self._ruling(entry, context).answer == "ask"

    def _forbidden(self, entry: Entry, context: ToolContext) -> str:
        ruling = self._ruling(entry, context)
        return ruling.why if ruling.answer == "deny" else ""

    def _stands(self, entry: Entry, context: ToolContext) -> str:
        if entry.name in context.granted:
            return "you have it"
        ruling = self._ruling(entry, context)
        return {"allow": "request it", "ask": "request it; the user decides"}.get(ruling.answer, ruling.why)

    def _ruling(self, entry: Entry, context: ToolContext) -> Ruling:
        """Say whether a tool may be had: what the user's role, the profile and the rules of the house exclude, nobody grants."""
        if entry.roles and context.role not in entry.roles:
            return Ruling("deny", f"only missions of {' or '.join(entry.roles)} may use it.")
        if entry.name in context.granted:
            return Ruling("allow")
        if entry.name not in context.reach:
            web = "network" in entry.risks
            return Ruling("deny", "this operator may not use the web." if web else "its profile rules it out.")
        ruled = self._policy.rule(entry, {}, context, context.role)
        if ruled is not None and ruled.answer != "allow":
            return ruled
        if entry.risks & GRAVE or (ruled is None and _to_be_asked(entry, context)):
            return Ruling("ask", context.tainted)
        return Ruling("allow")


def _to_be_asked(entry: Entry, context: ToolContext) -> bool:
    """Say whether a person decides, where no rule of the house does: reading here is free, running code never is; changes
    here, and reading the web, are while no stranger's words were read."""
    if entry.risks <= {"read"}:
        return False
    if "execute" in entry.risks or ("network" in entry.risks and not entry.risks <= ONLY_LOOKS):
        return True
    return bool(context.tainted)


def _answer(granted: Sequence[str], refused: Sequence[str]) -> ToolResult:
    if not granted:
        raise Refused("\n".join(["Nothing was granted.", *refused]))
    words = f"For the rest of this task you may use: {', '.join(granted)}."
    return ToolResult("\n".join([words, *refused]), grants=tuple(granted))


def _named(names: Any) -> list[str]:
    return list(dict.fromkeys(n.strip() for n in names if isinstance(n, str))) if isinstance(names, list) else []


def _does(entry: Entry) -> str:
    return " and ".join(words for risk, words in _DOES.items() if risk in entry.risks)


def _risks(entry: Entry) -> str:
    return ", ".join(risk for risk in _DOES if risk in entry.risks)
