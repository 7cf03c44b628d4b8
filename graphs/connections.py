"""Connections: which models answer, who provides them, and the keys for it; tried before they are kept, in force at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.llm.model_lists import LocalServer, local_servers
from agents.llm.router import Router
from agents.llm.trying import Tried, checked_url, try_connection
from core.errors import BadInput, Conflict
from core.logs import learn
from core.missions import Value
from core.ports import Embedder, Ledger
from core.settings import PROVIDERS as KNOWN
from core.settings import Settings
from memory.credentials import Credential, Credentials, Secret
from memory.database import Database
from memory.in_force import PROVIDERS, SEARCH, TIERS, SettingsInForce, given_by_environment, with_secret
from memory.sealing import Sealer
from tools.search_trial import Searched, try_search

TITLES = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "openrouter": "OpenRouter",
    "compatible": "Another server",
    SEARCH: "Web search",
}
SERVICES = ("tavily", "brave", "searxng")
_NO_KEYS = {"none", "no-key", "empty", "ollama", "lm-studio", "not-needed", "sk-no-key-required"}
"""What people write where a server wants no key; masked as a secret it would make words unreadable."""
_LONGEST_KEY = 2000


class Tier(Value):
    """Which model does the steps of a tier, and who says so: environment, choice, default, or the standard tier."""

    tier: str
    model: str
    source: str
    per_million: tuple[str, str] | None = None


class Connection(Value):
    """A provider: how it is connected (environment, browser, or not at all), and what is shown of it."""

    name: str
    title: str
    source: str
    kept: Credential | None = None
    base_url: str = ""


@dataclass(frozen=True)
class Connections:
    """Knows and changes what connects the house to models and to search. Who may do that, the doors decide."""

    settings: Settings
    credentials: Credentials
    now: SettingsInForce
    sealer: Sealer
    _ledger: Ledger
    _embedder: Embedder
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Provider -> the models it listed when it was last asked here."""

    @classmethod
    async def open(cls, settings: Settings, database: Database, ledger: Ledger, embedder: Embedder) -> Connections:
        """Open what was entered; from here on its keys are masked everywhere. Raises Misconfigured for a bad sealing key."""
        sealer = await asyncio.to_thread(Sealer.of, settings.data_dir, settings.secrets_key.get_secret_value())
        credentials = Credentials(database, sealer)
        now = SettingsInForce(settings, credentials)
        learn(*settings.secrets())
        await now()
        return cls(settings, credentials, now, sealer, ledger, embedder)

    async def tiers(self) -> list[Tier]:
        """Say which model does what, with its price where one is known."""
        found = await self.now()
        router = Router(found.settings, self._embedder)
        await asyncio.to_thread(router.catalog.load)
        stored = (await self.credentials.stored()).choices
        return [self._tier(tier, field, found.settings, stored, router) for tier, field in TIERS.items()]

    def _tier(self, tier: str, field: str, now: Settings, stored: Mapping[str, str], router: Router) -> Tier:
        model, source = str(getattr(now, field)), "default"
        if field in self.settings.model_fields_set:
            source = "environment"
        elif tier in stored:
            source = "choice"
        elif tier != "standard":
            model, source = now.model, "standard"
        provider, _, name = model.partition(":")
        price = router.catalog.per_million(provider, name)
        shown = None if price is None else (f"{price[0]:.2f}", f"{price[1]:.2f}")
        return Tier(tier=tier, model=model, source=source, per_million=shown)

    async def all(self) -> list[Connection]:
        """List every provider there may be, connected or not; never with a key."""
        kept = {c.name: c for c in await self.credentials.all()}
        return [self._connection(name, kept.get(name)) for name in (*PROVIDERS, SEARCH)]

    def _connection(self, name: str, kept: Credential | None) -> Connection:
        fixed = given_by_environment(self.settings, name)
        source = "environment" if fixed else "browser" if kept else ""
        url = "" if name == SEARCH else str(getattr(self.settings, f"{name}_base_url"))
        if kept and kept.base_url and not fixed:
            url = kept.base_url
        return Connection(name=name, title=TITLES[name], source=source, kept=kept, base_url=url)

    async def local(self) -> list[LocalServer]:
        """Look for model servers on this machine; those that answer are offered."""
        return await local_servers(self.settings.port)

    async def connect(self, name: str, key: str, base_url: str, by: str, *, model: str = "") -> Tried:
        """Try a provider with a small real call, then keep it, in place of an earlier one.

        Raises BadInput, Conflict if the environment connects it, ModelUnavailable in plain words; then nothing is kept.
        """
        if name not in PROVIDERS:
            raise BadInput(f"provider: it must be one of {', '.join(PROVIDERS)}, {SEARCH}.")
        self._check_free(name)
        secret = Secret(key=_key(key), base_url=checked_url(base_url) if base_url.strip() else "")
        if name == "compatible" and not secret.base_url:
            raise BadInput("Enter the address of the server, such as http://127.0.0.1:11434/v1.")
        if name != "compatible" and not secret.key:
            raise BadInput("Paste the key. It is kept encrypted and never shown again.")
        tried = await self._try(name, secret, model.strip())
        await self.credentials.put(name, secret, by, tested=True)
        self.seen[name] = tried.models
        return tried

    async def test(self, name: str, model: str = "") -> Tried:
        """Try a connection that is kept (or comes from the environment), and return its models."""
        found = await self.now()
        if problem := found.problems.get(name):
            raise BadInput(problem)
        if name not in PROVIDERS or not (found.settings.key_for(name) or name == "compatible"):
            raise BadInput(f"{TITLES.get(name, name[:40])} is not connected.")
        if name == "compatible" and not found.settings.compatible_base_url:
            raise BadInput("No other server is connected.")
        tried = await try_connection(name, found.settings, self._ledger, self._embedder, model=model.strip())
        self.seen[name] = tried.models
        return tried

    async def connect_search(self, service: str, key: str, base_url: str, by: str) -> Searched:
        """Try a search service with one small real search, then keep it; the next search uses it.

        Raises BadInput in plain words, or Conflict if the environment sets it up; then nothing is kept.
        """
        if service not in SERVICES:
            raise BadInput(f"service: it must be one of {', '.join(SERVICES)}.")
        self._check_free(SEARCH)
        secret = Secret(key=_key(key), base_url=checked_url(base_url) if base_url.strip() else "", service=service)
        if service == "searxng" and not secret.base_url:
            raise BadInput("Enter the address of your SearXNG.")
        if service != "searxng" and not secret.key:
            raise BadInput("Paste the key of the search service.")
        try:
            searched = await try_search(with_secret(self.settings, SEARCH, secret))
        except BadInput as problem:
            raise BadInput(f"{problem} Nothing was kept.") from None
        await self.credentials.put(SEARCH, secret, by, tested=True)
        return searched

    async def test_search(self) -> Searched:
        """Try the search service that is kept (or comes from the environment)."""
        found = await self.now()
        if problem := found.problems.get(SEARCH):
            raise BadInput(problem)
        if found.settings.search == "ddgs":
            raise BadInput("No search service is set up: DuckDuckGo is asked, without a key.")
        return await try_search(found.settings)

    async def remove(self, name: str) -> None:
        """Forget a connection; raises NotFound, or Conflict while a chosen model needs it."""
        await self.credentials.remove(name)

    async def choose(self, choices: Mapping[str, str], by: str) -> None:
        """Choose the models of tiers ("" takes a choice back); raises BadInput or Conflict, and then nothing changes."""
        found = (await self.now()).settings
        for tier, model in choices.items():
            if tier not in TIERS:
                raise BadInput(f"tier: it must be one of {', '.join(TIERS)}.")
            if TIERS[tier] in self.settings.model_fields_set:
                raise Conflict(
                    f"STAFFWORK_{TIERS[tier].upper()} names this model where Staffwork was started. Change it there."
                )
            if model:
                _check_model(model, found)
        await self.credentials.choose(choices, by)

    def _check_free(self, name: str) -> None:
        if given_by_environment(self.settings, name):
            raise Conflict(
                f"{TITLES[name]} is set up where Staffwork was started (environment or .env). Change it there."
            )

    async def _try(self, name: str, secret: Secret, model: str) -> Tried:
        trial = with_secret(self.settings, name, secret)
        return await try_connection(name, trial, self._ledger, self._embedder, model=model)


def _check_model(model: str, found: Settings) -> None:
    provider, colon, name = model.partition(":")
    if not colon or provider not in KNOWN or provider == "import" or len(model) > 250 or not model.isprintable():
        raise BadInput("model: it must be provider:name, such as openai:gpt-5-mini.")
    if provider == "rehearsal":
        return
    connected = found.compatible_base_url if provider == "compatible" else found.key_for(provider)
    if not name or not connected:
        raise BadInput(f"{TITLES[provider]} is not connected, so {model} cannot answer. Connect it first.")


def _key(text: str) -> str:
    key = text.strip()
    if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput("This is no key: it must be one piece of plain letters, digits and signs.")
    return "" if key.lower() in _NO_KEYS else key
