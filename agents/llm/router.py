"""Chooses the model that answers a question, and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.llm.catalog import Catalog
from agents.llm.providers import Providers
from agents.llm.sight import why_blind
from core.errors import Misconfigured
from core.ports import Embedder
from core.settings import Settings, SettingsNow

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

_SETTINGS = {"small": "model_small", "standard": "model", "strong": "model_strong"}
_STEPS = {"small": "simple steps", "standard": "most work", "strong": "hard steps"}


@dataclass(frozen=True)
class Candidate:
    """A model that may answer: its full name (`provider:model`), and in plain words why it was chosen."""

    name: str
    provider: str
    model: BaseChatModel
    why: str

    @property
    def model_name(self) -> str:
        return self.name.partition(":")[2]


def offered(settings: Settings) -> tuple[str, ...]:
    """List the models people may choose for their missions: those the house uses, and those it offers beside them.

    What is offered beside them counts only while its provider is connected.
    """
    used = (str(getattr(settings, name)) for name in _SETTINGS.values())
    more = (name.strip() for name in settings.models_offered.split(","))
    return tuple(dict.fromkeys([*filter(None, used), *(name for name in more if _connected(settings, name))]))


def _connected(settings: Settings, name: str) -> bool:
    provider, _, model = name.partition(":")
    match provider:
        case "rehearsal":
            return True
        case "compatible":
            return bool(model and settings.compatible_base_url)
        case "openai" | "anthropic" | "openrouter":
            return bool(model and settings.key_for(provider))
    return False


class Router:
    """Maps a tier (small, standard, strong) to the model set for it; one model object per name.

    `problems` says of providers why they cannot be used, although they are set up.
    """

    def __init__(self, settings: Settings, embedder: Embedder, problems: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._problems = problems or {}
        self._providers = Providers(settings, embedder)
        self._models: dict[str, BaseChatModel] = {}
        self.catalog = Catalog(settings)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Router]:
        """Lend the router for one call."""
        yield self

    def choose(self, tier: str, wanted: str = "") -> Candidate:
        """Return the model for a tier, the `wanted` one if it is offered; raises Misconfigured if it cannot be built."""
        name, why = self._name_for(tier, wanted)
        provider = name.partition(":")[0]
        if provider in self._problems:
            raise Misconfigured(self._problems[provider])
        if name not in self._models:
            self._models[name] = self._providers.build(name)
        return Candidate(name, provider, self._models[name], why)

    def is_ready(self, tier: str, wanted: str = "") -> bool:
        """Say whether `choose` answers at once; the first time it imports a provider's SDK, which takes a while."""
        return self._name_for(tier, wanted)[0] in self._models

    def why_blind(self, candidate: Candidate) -> str:
        """Say why a model is not shown pictures, and which here could see them; "" if it can see."""
        profile = getattr(candidate.model, "profile", None)
        return why_blind(candidate.name, offered(self._settings), self._settings, profile)

    def _name_for(self, tier: str, wanted: str) -> tuple[str, str]:
        if wanted and wanted in offered(self._settings):
            return wanted, f"You chose it for {_STEPS.get(tier, 'most work')}"
        setting = _SETTINGS.get(tier, "model")
        variable = f"STAFFWORK_{setting.upper()}"
        steps = _STEPS.get(tier, "most work")
        name = str(getattr(self._settings, setting))
        if name:
            return name, f"{variable} names it for {steps}"
        return self._settings.model, f"STAFFWORK_MODEL names it, and {variable} names no other for {steps}"

    async def close(self) -> None:
        """Close the clients of all providers."""
        self._models.clear()
        await self._providers.close()


class CurrentRouter:
    """The router of the settings in force: after a change calls get a new one, and the old one goes with its last call."""

    def __init__(self, now: SettingsNow, embedder: Embedder) -> None:
        self._now, self._embedder = now, embedder
        self._version: int | None = None
        self._router: Router | None = None
        self._calls: Counter[Router] = Counter()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Router]:
        """Lend the router for one call."""
        router = await self._current()
        self._calls[router] += 1
        try:
            yield router
        finally:
            self._calls[router] -= 1
            await self._put_away(router)

    async def _current(self) -> Router:
        found = await self._now()
        if self._router is None or found.version != self._version:
            old, self._version = self._router, found.version
            self._router = Router(found.settings, self._embedder, found.problems)
            if old is not None:
                await self._put_away(old)
        return self._router

    async def _put_away(self, router: Router) -> None:
        if router is not self._router and not self._calls[router]:
            del self._calls[router]
            await router.close()

    async def close(self) -> None:
        """Close the clients of all providers."""
        routers = {*self._calls, *([self._router] if self._router else [])}
        self._router = None
        self._calls.clear()
        for router in routers:
            await router.close()
