"""Chooses the model that answers a question, and says why."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from agents.llm.providers import Providers
from core.ports import Embedder
from core.settings import Settings

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


class Router:
    """Maps a tier (small, standard, strong) to the model set for it; one model object per name."""

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._providers = Providers(settings, embedder)
        self._models: dict[str, BaseChatModel] = {}

    def choose(self, tier: str) -> Candidate:
        """Return the model for a tier; raises Misconfigured if it cannot be built."""
        name, why = self._name_for(tier)
        if name not in self._models:
            self._models[name] = self._providers.build(name)
        return Candidate(name, name.partition(":")[0], self._models[name], why)

    def is_ready(self, tier: str) -> bool:
        """Say whether `choose` answers at once; the first time it imports a provider's SDK, which takes a while."""
        return self._name_for(tier)[0] in self._models

    def _name_for(self, tier: str) -> tuple[str, str]:
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
