"""A gateway on a loopback model server, with everything it said and recorded kept for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from wire_servers import WireServer

from agents.llm.calls import CallSite, ModelRequest
from agents.llm.gateway import Gateway
from agents.llm.pictures import PictureRoom
from agents.llm.router import Router
from core.decisions import Reply
from core.errors import ModelUnavailable
from core.logs import Masker
from core.ports import LedgerRow, ToolSpec
from core.settings import Settings

KEY = "sk-test-0123456789abcdefghij"
MODELS = {"openai": "openai:gpt-5-mini", "anthropic": "anthropic:claude-opus-4-8"}
ADD = ToolSpec(
    name="add",
    description="Add two numbers.",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a"],
    },
)
TOOLS = (ADD, ADD.model_copy(update={"name": "now", "parameters": {"type": "object", "properties": {}}}))


class NoEmbedder:
    """Stands where an embedder is asked for; no provider but the rehearsal one has a use for it."""

    name, dimensions = "none", 0

    async def embed(self, texts: Any) -> list[list[float]]:
        raise AssertionError("nobody should embed anything here")


@dataclass
class Desk:
    """Asks through a gateway; keeps the ledger, the text as a listener would show it, and the retries."""

    gateway: Gateway
    rows: list[LedgerRow] = field(default_factory=list)
    text: str = ""
    restarts: int = 0
    retries: list[tuple[str, float]] = field(default_factory=list)
    shown: tuple[str, ...] = ()
    unseen: str = ""

    async def record(self, row: LedgerRow) -> None:
        self.rows.append(row)

    def hear(self, piece: str, offset: int) -> None:
        assert offset <= len(self.text), "a piece of text is missing"
        self.restarts += offset == 0 and piece == ""
        self.text = self.text[:offset] + piece

    async def ask(self, *messages: BaseMessage, tools: tuple[ToolSpec, ...] = TOOLS, **options: Any) -> Reply:
        site = CallSite(
            role="operator",
            operator="analyst",
            step="t1/1",
            task_id="t1",
            mission_id="m1",
            on_text=self.hear,
            on_retry=lambda reason, wait: self.retries.append((reason, wait)),
            on_pictures=self.see,
        )
        question = list(messages) or [SystemMessage("Be brief."), HumanMessage("Hello?")]
        return await self.gateway.ask(ModelRequest(question, tools, **options), site)

    def see(self, shown: tuple[str, ...], unseen: str) -> None:
        self.shown, self.unseen = shown, unseen

    async def fail(self, *messages: BaseMessage, **options: Any) -> ModelUnavailable:
        """Ask and return how it failed."""
        try:
            reply = await self.ask(*messages, **options)
        except ModelUnavailable as error:
            return error
        raise AssertionError(f"there should be no reply, but there is: {reply}")


@asynccontextmanager
async def desk_at(
    server: WireServer | SimpleNamespace, model: str, *, room: PictureRoom | None = None, **options: Any
) -> AsyncIterator[Desk]:
    """Open a desk for a model behind a server; its limits are long, for whoever does not wait for one to be reached."""
    provider = model.partition(":")[0]
    given: dict[str, Any] = {
        "model": model,
        f"{provider}_api_key": KEY,
        f"{provider}_base_url": server.base_url,
        "model_first_token_seconds": 30,
        "model_silence_seconds": 20,
        "model_total_seconds": 60,
        "model_attempts": 2,
    }
    settings = Settings.model_validate(given | options)
    desk = Desk(gateway=None)  # type: ignore[arg-type]  # the gateway needs the desk as its ledger
    router, mask = Router(settings, NoEmbedder()), Masker(settings.secrets())
    desk.gateway = Gateway(router, desk, settings, mask, backoff=0.01, room=room)
    try:
        yield desk
    finally:
        await desk.gateway.close()
