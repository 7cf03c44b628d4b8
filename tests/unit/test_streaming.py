"""The translator knows LangGraph so that nobody else has to; text is told in pieces a page can follow."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from core.events import LimitReached, TextStreamed
from graphs.streaming import STREAM, TextStream, Translator


class State(TypedDict, total=False):
    answer: str


def compiled(node: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile(checkpointer=InMemorySaver())


async def events_of(graph: Any) -> tuple[list[Any], Translator]:
    translator = Translator("m")
    stream = graph.astream({"answer": ""}, {"configurable": {"thread_id": "m"}}, **STREAM)
    return [event async for event in translator.translate(stream)], translator


async def test_our_events_pass_as_they_are_and_nothing_else_does() -> None:
    event = LimitReached(mission_id="m", limit="steps", allowed="3", words="enough")

    async def node(state: State) -> State:
        get_stream_writer()(event)
        get_stream_writer()({"something": "of LangGraph's"})
        return {"answer": "x"}

    events, translator = await events_of(compiled(node))
    assert events == [event]
    assert not translator.waiting


async def test_a_question_is_noticed() -> None:
    async def node(state: State) -> State:
        return {"answer": interrupt("Which year?")}

    _, translator = await events_of(compiled(node))
    assert translator.waiting


async def test_text_of_a_plain_langchain_model_in_a_node_is_translated() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))

    async def node(state: State) -> State:
        reply = await model.ainvoke("count")
        return {"answer": reply.text}

    events, _ = await events_of(compiled(node))
    assert all(isinstance(e, TextStreamed) and e.step == "node" for e in events)
    text = ""
    for event in events:
        text = text[: event.offset] + event.text
    assert text == "one two three"


async def test_text_is_told_at_once_and_then_at_most_once_per_pause() -> None:
    told: list[tuple[str, int]] = []
    stream = TextStream(lambda piece, offset: told.append((piece, offset)), pause=60)
    for offset, piece in enumerate("abcdef"):
        stream.add(piece, offset)
    assert told == [("a", 0)]
    stream.flush()
    assert told == [("a", 0), ("bcdef", 1)]
    stream.flush()
    assert len(told) == 2


async def test_a_retry_starts_the_text_over() -> None:
    told: list[tuple[str, int]] = []
    stream = TextStream(lambda piece, offset: told.append((piece, offset)), pause=0)
    for piece, offset in (("wro", 0), ("ng", 3), ("", 0), ("right", 0)):
        stream.add(piece, offset)
    stream.flush()
    text = ""
    for piece, offset in told:
        text = text[:offset] + piece
    assert text == "right"


async def test_what_came_before_a_long_wait_is_told_in_it() -> None:
    told: list[str] = []
    heard = asyncio.Event()
    stream = TextStream(lambda piece, offset: (told.append(piece), heard.set()), pause=0.01)
    for offset, piece in enumerate("abcdef"):
        stream.add(piece, offset)
    async with asyncio.timeout(30):
        while "".join(told) != "abcdef":
            heard.clear()
            await heard.wait()


async def test_nothing_is_told_after_the_end() -> None:
    told: list[str] = []
    stream = TextStream(lambda piece, offset: told.append(piece), pause=60)
    stream.add("a", 0)
    stream.add("b", 1)
    assert stream.waits
    stream.close()
    assert not stream.waits
    assert told == ["a"]
