"""Tries a search service with one small real search before it is kept, and says in plain words what was wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.errors import BadInput, Misconfigured, ToolFailure
from core.settings import Settings
from tools.connecting import Resolve, system_resolver
from tools.search_services import Unsearched, search_service

QUERY = "weather"
_MOST = 3


@dataclass(frozen=True)
class Searched:
    """What a service that works answered: how many results, and how long that took."""

    results: int
    seconds: float


async def try_search(settings: Settings, resolve: Resolve | None = None) -> Searched:
    """Search for a common word with the service of these settings; raises BadInput in words for whoever entered it."""
    started = time.perf_counter()
    try:
        service = search_service(settings, resolve or system_resolver())
    except Misconfigured:
        raise BadInput("The address is none of a service: it must look like https://searx.example.com.") from None
    try:
        found = await service.find(QUERY, _MOST)
    except Unsearched as problem:
        raise BadInput(_why(service.name, settings.search, problem.status)) from None
    except ToolFailure as problem:
        raise BadInput(str(problem)) from None
    if not found:
        raise BadInput(f"{service.name} answered, but found nothing for “{QUERY}”. Check its search engines.")
    return Searched(len(found), time.perf_counter() - started)


def _why(name: str, kind: str, status: int) -> str:
    if kind == "searxng" and status == 403:
        return "SearXNG refuses programs: add json to search.formats in its settings.yml."
    if status in (401, 403):
        return f"{name} does not accept this key. Copy it once more from your account there."
    if status == 422 and kind == "brave":  # what Brave says to a key it does not know
        return f"{name} does not accept this key. Copy it once more from your account there."
    if status in (402, 429, 432, 433):
        return f"{name} knows the key, but its quota is used up, or it was asked too often."
    if status == 404:
        return f"There is no search at this address ({name} answered 404). Check it."
    return f"{name} answered with error {status}. Try again later."
