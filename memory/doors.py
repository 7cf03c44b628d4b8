"""The doors beside the password: what knows keys, service accounts, outside identities and second factors of this house."""

from __future__ import annotations

from functools import cached_property

from core.settings import Settings
from memory.api_keys import ApiKeys
from memory.database import Database
from memory.identities import Identities
from memory.passes import Passes
from memory.sealing import Sealer
from memory.second_factors import SecondFactors
from memory.service_accounts import ServiceAccounts


class Doors:
    """Holds them; each is made when it is first asked for."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings

    @cached_property
    def keys(self) -> ApiKeys:
        return ApiKeys(self._database)

    @cached_property
    def accounts(self) -> ServiceAccounts:
        return ServiceAccounts(self._database)

    @cached_property
    def identities(self) -> Identities:
        return Identities(self._database)

    @cached_property
    def passes(self) -> Passes:
        return Passes(self._database)

    @cached_property
    def second_factors(self) -> SecondFactors:
        """Raises Misconfigured if the key that seals secrets cannot be used (blocking at the first time)."""
        sealer = Sealer.of(self._settings.data_dir, self._settings.secrets_key.get_secret_value())
        return SecondFactors(self._database, sealer)
