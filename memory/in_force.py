"""The settings in force: what the environment says, then what was entered in the browser, then the defaults.

The rule, for each connection as a whole and for each tier: whatever the environment (or `.env`) gives wins, and what was
entered for the same thing is not used. A key is never combined with an address that came from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from core.errors import StoreUnavailable
from core.settings import InForce, Settings
from memory.credentials import Credentials, Secret, Stored

TIERS = {"standard": "model", "small": "model_small", "strong": "model_strong"}
"""The setting behind each tier."""
PROVIDERS = ("openai", "anthropic", "openrouter", "compatible")
SEARCH = "search"


def given_by_environment(settings: Settings, name: str) -> bool:
    """Say whether the environment itself makes a connection."""
    return bool(settings.model_fields_set & set(_fields(name)))


def overlaid(settings: Settings, stored: Stored) -> InForce:
    """Put what was entered under what the environment gives."""
    values: dict[str, Any] = {}
    for name, secret in stored.secrets.items():
        if not given_by_environment(settings, name):
            values |= _values(name, secret)
    for tier, model in stored.choices.items():
        field = TIERS.get(tier, "")
        if field and field not in settings.model_fields_set:
            values[field] = model
    problems = {n: words for n, words in stored.problems.items() if not given_by_environment(settings, n)}
    return InForce(settings.model_copy(update=values), stored.version, problems)


def with_secret(settings: Settings, name: str, secret: Secret) -> Settings:
    """Return the settings as they would be with this connection, to try it."""
    return settings.model_copy(update=dict(_values(name, secret)))


class SettingsInForce:
    """Tells the settings in force; a change by any process is noticed at the next question."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings, self._credentials = settings, credentials
        self._last: InForce | None = None

    @property
    def latest(self) -> Settings:
        """The settings as they were at the last question."""
        return self._last.settings if self._last else self._settings

    async def __call__(self) -> InForce:
        """Return the settings in force; while the database is away, those that were in force before."""
        try:
            if self._last is None or await self._credentials.version() != self._last.version:
                self._last = overlaid(self._settings, await self._credentials.stored())
        except StoreUnavailable:
            if self._last is None:
                raise
        return self._last


def _fields(name: str) -> tuple[str, ...]:
    if name == SEARCH:
        return ("search", "search_url", "search_api_key")
    return (f"{name}_api_key", f"{name}_base_url")


def _values(name: str, secret: Secret) -> Mapping[str, Any]:
    key = SecretStr(secret.key)
    if name == SEARCH:
        return {"search": secret.service, "search_url": secret.base_url, "search_api_key": key}
    if name not in PROVIDERS:
        return {}
    values: dict[str, Any] = {f"{name}_api_key": key}
    return values | ({f"{name}_base_url": secret.base_url} if secret.base_url else {})
