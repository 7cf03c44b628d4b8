"""A LangChain chat model made from deltas: what our own model classes extend."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.base import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.llm.calls import ModelRequest
from agents.llm.streams import Delta, as_chunk, as_request
from core.errors import ModelUnavailable


class DeltaChat(BaseChatModel):
    """A chat model whose subclasses only say how `deltas` come; the rest of LangChain's interface follows from them."""

    @abstractmethod
    def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Stream one reply."""

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        finished = False
        held: Delta | None = None  # LangChain adds usages up, so only the last one seen may go out
        async for delta in self.deltas(as_request(messages, kwargs)):
            finished = finished or bool(delta.finish)
            if delta.usage is not None or delta.finish:
                held = _merged(held, delta)
            else:
                yield as_chunk(delta)
        if not finished:
            raise ModelUnavailable("cut_stream", "The model's reply broke off before its end.")
        if held is not None:
            yield as_chunk(held)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(
            iter([chunk async for chunk in self._astream(messages, stop, run_manager, **kwargs)])
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return asyncio.run(self._agenerate(messages, stop, None, **kwargs))


def _merged(held: Delta | None, delta: Delta) -> Delta:
    if held is None:
        return delta
    return Delta(
        held.text + delta.text,
        [*held.tool_calls, *delta.tool_calls],
        delta.usage or held.usage,
        delta.finish or held.finish,
    )
