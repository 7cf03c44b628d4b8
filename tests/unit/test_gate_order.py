"""The gate's stages: in this order, each once, and where one fails nothing behind it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, model_validator

from core.decisions import ToolCall
from core.errors import BadInput, Conflict, StoreUnavailable
from core.ports import Effect, Intent, ToolContext, ToolOutcome, Wish
from tools.define import Ruling, Tool, ToolResult, define
from tools.policy import Policy
from tools.toolbox import GatedToolbox

ORDER = ["grant", "sanitise", "schema", "policy", "authority", "intent", "run", "mask", "result"]
SECRET = "hunter22"


class Stages:
    """A gate whose every stage says when it is passed; the one in `broken` fails there with an error."""

    def __init__(self, broken: str = "", problem: Exception | None = None) -> None:
        self.passed: list[str] = []
        self.broken, self.problem = broken, problem or RuntimeError("broken on purpose")
        self.ran = 0

    def at(self, stage: str) -> None:
        self.passed.append(stage)
        if stage == self.broken:
            raise self.problem

    # the collaborators of the gate, each of them real but for what it tells

    def tool(self) -> Tool:
        stages = self

        async def send(context: ToolContext, to: str, text: str) -> str:
            """Send a letter."""
            stages.at("run")
            stages.ran += 1
            return f"sent {SECRET}"

        made = define(send, "Send to {to}", ("network", "write"), taints=True)

        class Checked(made.arguments):  # type: ignore[name-defined, misc]
            @model_validator(mode="before")
            @classmethod
            def said(cls, given: Any) -> Any:
                stages.at("schema")
                return given

        arguments: type[BaseModel] = Checked
        return Tool(made.spec, arguments, made.intent, made.risks, made.run, made.effect, taints=True)

    async def permits(self, wish: Wish) -> bool:
        self.at("authority")
        return True

    async def role_of(self, user_id: str) -> str:
        return "owner"

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        self.at("intent")
        return Intent(runs=1, mine=True)

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        assert SECRET not in outcome.output
        self.at("result")

    def mask(self, text: str) -> str:
        if "sent" in text:  # the result; the sentence about what it is about to do is masked before
            self.at("mask")
        return text.replace(SECRET, "[secret]")

    async def call(self, **how: Any) -> ToolOutcome:
        stages = self

        class Granted(tuple):  # type: ignore[type-arg]
            def __contains__(self, name: object) -> bool:
                stages.at("grant")
                return super().__contains__(name)

        class Given(dict):  # type: ignore[type-arg]
            def items(self) -> Any:
                stages.at("sanitise")
                return super().items()

        class Judging(Policy):
            def judge(self, tool: Tool, arguments: Mapping[str, Any], context: ToolContext, role: str = "") -> Ruling:
                stages.at("policy")
                assert arguments["text"] == "hello\ufffd", "judged is what was repaired, which is what runs"
                return super().judge(tool, arguments, context, role)

        box = GatedToolbox(
            [self.tool()],
            seconds=5,
            output_bytes=1_000,
            at_once=1,
            mask=self.mask,
            effects=self,
            policy=Judging(),
            authority=self,
        )
        about = {"mission_id": "m", "conversation_id": "c", "user_id": "ada", "task_id": "t1", "step": "t1/1.0"}
        context = ToolContext(**about, granted=(), tainted="It has read a page.")
        context = context.model_copy(update={"granted": Granted(["send"])})
        call = ToolCall(id="1", name="send").model_copy(update={"arguments": Given(to="eve", text="hello\0")})
        return await box.call(call, context)

    @property
    def stages(self) -> list[str]:
        """List the stages in the order in which they were first passed."""
        return list(dict.fromkeys(self.passed))


async def test_the_stages_come_in_this_order() -> None:
    gate = Stages()
    outcome = await gate.call()
    assert gate.stages == ORDER
    assert (outcome.status, gate.ran, outcome.tainted) == ("ok", 1, True)
    assert outcome.output.startswith("sent [secret]")


ERRORS: list[Callable[[], Exception]] = [
    lambda: RuntimeError("a bug"),
    lambda: BadInput("Not like this."),
    lambda: StoreUnavailable("The disk is full."),
    lambda: Conflict("Somebody else has it."),
    lambda: TimeoutError("late"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("stage", ORDER[: ORDER.index("run")])
async def test_a_stage_that_fails_lets_nothing_through(stage: str, error: Callable[[], Exception]) -> None:
    gate = Stages(stage, error())
    [outcome] = await asyncio.gather(gate.call(), return_exceptions=True)
    if isinstance(outcome, BaseException):
        assert outcome is gate.problem
    else:
        assert outcome.status in ("refused", "failed")
        assert SECRET not in outcome.output
    assert gate.ran == 0
    assert gate.stages == ORDER[: ORDER.index(stage) + 1], "nothing behind it was reached"


async def test_a_run_that_fails_is_marked_all_the_same() -> None:
    gate = Stages("run", BadInput(f"The page says {SECRET}: obey."))
    outcome = await gate.call()
    assert (outcome.status, outcome.tainted, outcome.output) == ("failed", True, "The page says [secret]: obey.")


async def test_what_cannot_be_masked_does_not_come_out() -> None:
    gate = Stages("mask")
    with pytest.raises(RuntimeError, match="on purpose"):
        await gate.call()
    assert "result" not in gate.stages, "nor does it get on record"


async def test_what_cannot_be_put_on_record_happened_and_is_told() -> None:
    gate = Stages("result", StoreUnavailable("The disk is full."))
    outcome = await gate.call()
    assert (outcome.status, gate.ran, outcome.tainted) == ("ok", 1, True)
    assert SECRET not in outcome.output


async def test_without_a_grant_not_even_the_arguments_are_looked_at() -> None:
    gate = Stages()
    box = GatedToolbox([gate.tool()], seconds=5, output_bytes=100, at_once=1, mask=gate.mask, effects=gate)
    about = {"mission_id": "m", "conversation_id": "c", "user_id": "ada", "task_id": "t1", "step": "t1/1.0"}
    outcome = await box.call(
        ToolCall(id="1", name="send", arguments={"x": 1}), ToolContext(**about, granted=("other",))
    )
    assert (outcome.status, gate.passed) == ("refused", [])


def test_the_result_of_a_tool_says_nothing_of_the_gate() -> None:
    """A tool cannot undo its mark: what it returns only ever adds to it."""
    assert not ToolResult("x").tainted
    assert {"taints", "status", "wish"}.isdisjoint(ToolResult.__dataclass_fields__)
