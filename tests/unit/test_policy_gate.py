"""The gate applies the policy: it runs, it says what must be allowed, or it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from test_policy import act, context, tool

from core.decisions import ToolCall
from core.ports import Wish
from tools.define import Tool, define
from tools.policy import Policy, Rule
from tools.toolbox import GatedToolbox


class Memory:
    """Permits what is on its list; keeps what it was asked."""

    def __init__(self, *allowed: str) -> None:
        self.allowed, self.wishes = set(allowed), list[Wish]()

    async def permits(self, wish: Wish) -> bool:
        self.wishes.append(wish)
        return wish.arguments_hash in self.allowed

    async def role_of(self, user_id: str) -> str:
        return {"u": "owner"}.get(user_id, "")


def gate(*tools: Tool, authority: Memory | None = None, policy: Policy | None = None) -> GatedToolbox:
    return GatedToolbox(
        tools, seconds=5, output_bytes=1000, at_once=2, mask=lambda text: text, authority=authority, policy=policy
    )


def call(**arguments: Any) -> ToolCall:
    return ToolCall(id="1", name="act", arguments=arguments)


async def test_the_gate_says_what_must_be_allowed_and_does_not_begin() -> None:
    authority = Memory()
    outcome = await gate(tool("money"), authority=authority).call(call(to="bob"), context())
    assert (outcome.status, outcome.tainted) == ("approval", False)
    assert outcome.wish is not None
    assert (outcome.wish.arguments, outcome.wish.step, outcome.wish.why) == (
        {"to": "bob"},
        "t1/1.0",
        "It spends money.",
    )
    again = await gate(tool("money"), authority=authority).call(call(to="bob"), context())
    other = await gate(tool("money"), authority=authority).call(call(to="eve"), context())
    assert again.wish == outcome.wish
    assert other.wish is not None
    assert other.wish.approval_id != outcome.wish.approval_id


async def test_an_allowed_call_runs_and_another_one_does_not() -> None:
    authority = Memory()
    asked = (await gate(tool("money"), authority=authority).call(call(to="bob"), context())).wish
    assert asked is not None
    box = gate(tool("money"), authority=Memory(asked.arguments_hash))
    assert (await box.call(call(to="bob"), context())).status == "ok"
    assert (await box.call(call(to="bob", text=""), context())).status == "approval"


async def test_without_anybody_to_ask_it_is_refused() -> None:
    outcome = await gate(tool("money")).call(call(to="bob"), context())
    assert outcome.status == "refused"
    assert "nobody can be asked here" in outcome.output


async def test_what_a_rule_denies_is_refused_without_asking() -> None:
    authority = Memory()
    policy = Policy((Rule("deny", why="Never on Sundays.", roles=("owner",)),))
    outcome = await gate(tool("read"), authority=authority, policy=policy).call(call(), context())
    assert (outcome.status, authority.wishes) == ("refused", [])
    assert "Never on Sundays." in outcome.output


async def test_wrong_arguments_are_never_asked_about() -> None:
    authority = Memory()
    outcome = await gate(tool("money"), authority=authority).call(call(to=5), context())
    assert (outcome.status, authority.wishes) == ("failed", [])


async def test_what_comes_from_outside_is_marked() -> None:
    outside, inside = define(act, "Act", taints=True), define(act, "Act")
    assert (await gate(outside).call(call(), context())).tainted
    assert not (await gate(inside).call(call(), context())).tainted


@pytest.mark.parametrize("risk", [(), ("fun",), ("read", "fun")])
def test_a_tool_says_its_risks(risk: Any) -> None:
    with pytest.raises(ValueError, match="risk must be"):
        define(act, "Act", risk)
