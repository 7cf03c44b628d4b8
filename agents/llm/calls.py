"""What a role hands to the gateway: the question, and the place in the mission it is asked from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from core.budget import Usage
from core.decisions import Reply
from core.ports import ToolSpec

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def _nothing(*_: object) -> None:
    return None


MOST_TOKENS, HIGHEST_COST = 1_000_000_000, Decimal(1_000_000)
"""Tokens and US dollars of one reply; a server that counts more than that has miscounted."""


@dataclass(slots=True)
class Tokens:
    """What the provider counted for one reply; `tokens_in` includes those read from and written to its prompt cache.

    `cost` is in US dollars where the provider reports it, else None.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cache_written: int = 0
    cost: Decimal | None = None

    @property
    def possible(self) -> bool:
        """Say whether one reply can have used that: what cannot be is neither written down nor taken off a budget."""
        counts = (self.tokens_in, self.tokens_out, self.cached, self.cache_written)
        whole = all(isinstance(n, int | float) and 0 <= n <= MOST_TOKENS and n == int(n) for n in counts)
        return whole and (self.cost is None or (self.cost.is_finite() and 0 <= self.cost <= HIGHEST_COST))


@dataclass(frozen=True)
class ModelRequest:
    """One question to a model: messages, the tools it may call, and the tier that should answer (small|standard|strong).

    `model` is the one the user chose for the tier ("": the house's). `tool_choice` is "auto", "required" or the
    name of the one tool that must be called.
    """

    messages: list[BaseMessage]
    tools: tuple[ToolSpec, ...] = ()
    tier: str = "standard"
    tool_choice: str = "auto"
    max_tokens: int | None = None
    model: str = ""


@dataclass(frozen=True)
class CallSite:
    """Where in a mission a call is made, and who wants to hear its text and its retries while it runs.

    `heard` lists the ids of messages from other roles that the question includes.
    `on_text(piece, offset)`: the text so far is what came before `offset` plus `piece` (offset 0 starts over).
    `on_retry(reason, wait_seconds)`; `on_pictures(names, unseen)` says which pictures the model is shown, and in words which
    not; then `on_model(model, why)` once the model is chosen; `on_stopped(usage)` if the call is cancelled after it cost
    something.
    """

    role: str
    step: str = ""
    mission_id: str = ""
    task_id: str | None = None
    operator: str = ""
    heard: tuple[str, ...] = ()
    on_text: Callable[[str, int], None] = field(default=_nothing)
    on_retry: Callable[[str, float], None] = field(default=_nothing)
    on_pictures: Callable[[tuple[str, ...], str], None] = field(default=_nothing)
    on_model: Callable[[str, str], None] = field(default=_nothing)
    on_stopped: Callable[[Usage], None] = field(default=_nothing)


class ModelAsker(Protocol):
    """Answers a model request; the gateway in the product, a few lines in a test."""

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        """Return one complete reply; raises ModelUnavailable."""
        ...
