"""The gateway with scripted models: what it hands on, what it records, and any other LangChain model behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool

from agents.llm.calls import CallSite, ModelRequest, Tokens
from agents.llm.gateway import Gateway
from agents.llm.router import Candidate, Router
from agents.llm.scripted import ScriptedChat, ScriptedReply
from agents.llm.streams import DeltaSource, source_of
from core.decisions import ToolCall
from core.errors import ModelUnavailable
from core.logs import Masker
from core.ports import LedgerRow, ToolSpec
from core.settings import Settings

NOW = ToolSpec(name="now", description="Tell the time.", parameters={"type": "object", "properties": {}})
CALL = ToolCall(id="c1", name="now", arguments={"zone": "UTC"})


class OneModel(Router):
    """Offers one model for every tier."""

    def __init__(self, model: BaseChatModel, settings: Settings) -> None:
        super().__init__(settings, None)  # type: ignore[arg-type]  # nothing is embedded here
        self._model = model

    def choose(self, tier: str, wanted: str = "") -> Candidate:
        return Candidate("import:test", "import", self._model, f"the only one, also for {tier}")

    def is_ready(self, tier: str, wanted: str = "") -> bool:
        return True


class Rows(list[LedgerRow]):
    async def record(self, row: LedgerRow) -> None:
        self.append(row)


def gateway(model: BaseChatModel, rows: Rows, **settings: Any) -> Gateway:
    found = Settings.model_validate(settings)
    return Gateway(OneModel(model, found), rows, found, Masker(["hush-hush"]), backoff=0)


def request(**options: Any) -> ModelRequest:
    return ModelRequest([HumanMessage("What time is it?")], (NOW,), **options)


async def test_a_scripted_model_plays_its_replies_in_order() -> None:
    rows, heard = Rows(), []
    model = ScriptedChat(
        replies=[ScriptedReply("One moment.", (CALL,)), ScriptedReply("Noon.", usage=Tokens(50, 5, 40))]
    )
    asking = gateway(model, rows)
    site = CallSite(
        "chief", on_text=lambda text, offset: heard.append((text, offset)), on_model=lambda *m: heard.append(m)
    )
    first, second = await asking.ask(request(), site), await asking.ask(request(), site)
    assert (first.text, first.tool_calls, first.finish) == ("One moment.", (CALL,), "tool_calls")
    assert (second.text, second.finish) == ("Noon.", "stop")
    assert heard[:3] == [("import:test", "the only one, also for standard"), ("One ", 0), ("mome", 4)]
    assert [row.priced_by for row in rows] == ["free", "free"]
    assert (second.usage.tokens_in, second.usage.tokens_out, second.usage.tokens_cached) == (50, 5, 40)
    assert (second.usage.cost, second.usage.unpriced_calls) == (0, 0)
    assert len(model.asked) == 2
    with pytest.raises(ModelUnavailable):
        await asking.ask(request(), site)


async def test_a_script_may_be_a_function() -> None:
    model = ScriptedChat(replies=lambda asked: ScriptedReply(f"{len(asked.tools)} tool"))
    assert (await gateway(model, Rows()).ask(request(), CallSite("chief"))).text == "1 tool"


async def test_attempts_are_bounded_and_words_are_masked() -> None:
    rows, retries = Rows(), []
    model = ScriptedChat(replies=lambda asked: ScriptedReply("Well", error=ConnectionError("hush-hush")))
    with pytest.raises(ModelUnavailable) as caught:
        await gateway(model, rows, model_attempts=3).ask(
            request(), CallSite("chief", on_retry=lambda *r: retries.append(r))
        )
    assert caught.value.kind == "cut_stream"
    assert len(rows) == 3
    assert len(retries) == 2
    model = ScriptedChat(replies=[ScriptedReply(error=ModelUnavailable("auth", "The key hush-hush is wrong."))])
    with pytest.raises(ModelUnavailable, match=r"The key \[secret\] is wrong"):
        await gateway(model, rows).ask(request(), CallSite("chief"))


async def test_a_bug_is_not_taken_for_a_fault_of_the_model() -> None:
    rows = Rows()
    with pytest.raises(KeyError):
        await gateway(ScriptedChat(replies=[ScriptedReply(error=KeyError("x"))]), rows).ask(
            request(), CallSite("chief")
        )
    assert [row.outcome for row in rows] == ["error"]


async def test_a_model_that_never_waits_does_not_keep_others_waiting() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    await gateway(ScriptedChat(replies=[ScriptedReply("word " * 5000)]), Rows()).ask(request(), CallSite("chief"))
    other.cancel()
    assert ticks >= 100  # 6,250 pieces, a breath after every 50


async def test_langchain_can_use_a_scripted_model_as_any_other() -> None:
    @tool
    def now(zone: str) -> str:
        """Tell the time."""
        return zone

    model = ScriptedChat(replies=[ScriptedReply("Hm.", (CALL,), usage=Tokens(7, 3, 2)), ScriptedReply("Noon.")])
    message = await model.bind_tools([now]).ainvoke("What time is it?")
    assert message.text == "Hm."
    assert [(c["name"], c["args"], c["id"]) for c in message.tool_calls] == [("now", {"zone": "UTC"}, "c1")]
    assert message.usage_metadata is not None
    assert (message.usage_metadata["total_tokens"], message.usage_metadata["input_token_details"]["cache_read"]) == (
        10,
        2,
    )
    assert model.asked[0].tools[0].name == "now"
    assert "".join([str(chunk.text) async for chunk in model.astream("And now?")]) == "Noon."


class Foreign(BaseChatModel):
    """Some LangChain model: streams chunks as others do, and knows nothing of deltas."""

    chunks: list[Any]

    @property
    def _llm_type(self) -> str:
        return "foreign"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        assert tools[0]["function"]["name"] == "now"
        return self.bind(**options)

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield ChatGenerationChunk(message=chunk)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("it can stream")


class Whole(Foreign):
    """A model that cannot stream."""

    _astream = BaseChatModel._astream

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.chunks[0])])


def tool_chunk(name: str | None, args: str, index: int = 0) -> AIMessageChunk:
    call = {"name": name, "args": args, "id": "c1" if name else None, "index": index, "type": "tool_call_chunk"}
    return AIMessageChunk("", tool_call_chunks=[call])


def usage(tokens_in: int, tokens_out: int) -> Any:
    return {"input_tokens": tokens_in, "output_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


async def test_any_other_langchain_model_works_too() -> None:
    chunks = [
        AIMessageChunk("Hm. ", usage_metadata=usage(9, 0)),
        tool_chunk("now", '{"zone": '),
        tool_chunk(None, '"UTC"}'),
        AIMessageChunk("", response_metadata={"stop_reason": "tool_use"}, usage_metadata=usage(0, 4)),
    ]
    assert not isinstance(Foreign(chunks=chunks), DeltaSource)
    rows = Rows()
    reply = await gateway(Foreign(chunks=chunks), rows).ask(request(tool_choice="required"), CallSite("chief"))
    assert (reply.text, reply.tool_calls) == ("Hm. ", (CALL,))
    assert (rows[0].tokens_in, rows[0].tokens_out, rows[0].cost, rows[0].priced_by) == (9, 4, None, "unpriced")
    assert reply.usage.unpriced_calls == 1


async def test_a_cut_stream_of_another_model_is_no_reply() -> None:
    for chunks in (
        [AIMessageChunk("Half a")],
        [AIMessageChunk("x"), ConnectionResetError()],
        [ValueError("error body")],
    ):
        with pytest.raises(ModelUnavailable) as caught:
            await gateway(Foreign(chunks=chunks), Rows(), model_attempts=1).ask(request(), CallSite("chief"))
        assert caught.value.kind in ("cut_stream", "bad_reply")


async def test_a_model_that_cannot_stream_gives_whole_messages() -> None:
    message = AIMessage("Hm.", tool_calls=[{"name": "now", "args": {"zone": "UTC"}, "id": "c1"}])
    reply = await gateway(Whole(chunks=[message]), Rows()).ask(request(), CallSite("chief"))
    assert (reply.text, reply.tool_calls, reply.finish) == ("Hm.", (CALL,), "tool_calls")


async def test_source_of_prefers_our_own_deltas() -> None:
    model = ScriptedChat()
    assert source_of(model) is model
    assert source_of(Foreign(chunks=[])) is not model


async def test_check_says_what_is_missing() -> None:
    async def check(name: str) -> str:
        settings = Settings.model_validate({"model": name})
        return await Gateway(Router(settings, None), Rows(), settings, Masker()).check()  # type: ignore[arg-type]

    assert await check("import:agents.llm.scripted:ScriptedChat") == ""
    assert "no.such.module" in await check("import:no.such.module:Chat")
