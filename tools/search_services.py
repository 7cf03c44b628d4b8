"""Who is asked when the web is searched: each service's own words, and what is made of its answer."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import orjson

from core.errors import BadInput, Misconfigured, Refused, ToolFailure
from core.settings import Settings, SettingsNow
from tools.addresses import PORTS, Opened, host_name, web_address
from tools.confined import run_confined
from tools.connecting import Resolve, Ways
from tools.safefetch import Asking, Limits, SafeFetch, Unanswered

_LIMITS = Limits(seconds=20, wire=3_000_000, unpacked=6_000_000)
_LONGEST = 500  # characters of one excerpt
_HOMES = {"tavily": "https://api.tavily.com/search", "brave": "https://api.search.brave.com/res/v1/web/search"}
_NAMES = {"ddgs": "DuckDuckGo and others", "searxng": "SearXNG", "tavily": "Tavily", "brave": "Brave"}


class Unsearched(ToolFailure):
    """A service answered with an error; `status` is its HTTP status."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One result: the page's address, its title and an excerpt, as plain words in one line each."""

    url: str
    title: str
    excerpt: str


class SearchService(Protocol):
    """Finds pages; `name` is for people."""

    @property
    def name(self) -> str: ...

    async def find(self, query: str, most: int) -> list[SearchHit]:
        """Return results, best first; raises ToolFailure in words that say who can act."""
        ...


def search_service(settings: Settings, resolve: Resolve) -> SearchService:
    """Choose the service that the settings name; raises Misconfigured for an address that is none."""
    key = settings.search_api_key.get_secret_value()
    if settings.search == "ddgs":
        return Ddgs(settings.search_url)
    try:
        return SearchApi(settings.search, settings.search_url or _HOMES.get(settings.search, ""), key, resolve)
    except (BadInput, Refused, ValueError):
        raise Misconfigured(f"STAFFWORK_SEARCH_URL: {settings.search_url!r} is no address of a service.") from None


class CurrentSearch:
    """The service of the settings in force: one that was set up in the browser is asked from the next search on."""

    def __init__(self, now: SettingsNow, resolve: Resolve) -> None:
        self._now, self._resolve = now, resolve
        self._version: int | None = None
        self._service: SearchService = Ddgs()

    @property
    def name(self) -> str:
        return self._service.name

    async def find(self, query: str, most: int) -> list[SearchHit]:
        found = await self._now()
        if problem := found.problems.get("search"):
            raise ToolFailure(f"The web cannot be searched. {problem}")
        if found.version != self._version:
            self._service = search_service(found.settings, self._resolve)
            self._version = found.version
        return await self._service.find(query, most)


class SearchApi:
    """A service with an API: SearXNG, Tavily or Brave. Its key goes to its own host only, and never along a redirect."""

    def __init__(self, kind: str, url: str, key: str, resolve: Resolve) -> None:
        self._kind, self._url, self._key = kind, url.rstrip("/"), key
        self._fetch = SafeFetch(Ways(resolve, _itself(url), only_opened=True), _LIMITS)

    @property
    def name(self) -> str:
        return _NAMES[self._kind]

    async def find(self, query: str, most: int) -> list[SearchHit]:
        url, asking = self._asking(query, most)
        try:
            answer = await self._fetch.fetch(url, asking)
        except Unanswered as problem:
            raise Unsearched(self._why(problem.status), problem.status) from None
        except (ToolFailure, Refused, BadInput) as problem:
            raise ToolFailure(f"{self.name} could not be asked. {problem}") from None
        return hits(self._rows(answer.content))

    def _asking(self, query: str, most: int) -> tuple[str, Asking]:
        accept = {"Accept": "application/json"}
        if self._kind == "tavily":
            body = orjson.dumps({"query": query, "max_results": most, "search_depth": "basic"})
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            return self._url, Asking("POST", accept | headers, body, follow=False)
        if self._kind == "brave":
            headers = {"X-Subscription-Token": self._key}
            return f"{self._url}?{urlencode({'q': query, 'count': most})}", Asking(
                "GET", accept | headers, follow=False
            )
        return f"{self._url}/search?{urlencode({'q': query, 'format': 'json'})}", Asking("GET", accept, follow=False)

    def _rows(self, content: bytes) -> list[Mapping[str, Any]]:
        try:
            found = orjson.loads(content)
            rows = (found.get("web") or {}).get("results", []) if self._kind == "brave" else found["results"]
            return [row for row in rows if isinstance(row, dict)]
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise ToolFailure(f"{self.name} answered with something that is no list of results.") from None

    def _why(self, status: int) -> str:
        if self._kind == "searxng" and status == 403:
            return "SearXNG refuses programs. An administrator must add json to search.formats in its settings.yml."
        if status in (401, 403):
            words = f"{self.name} does not accept the key. An administrator must check STAFFWORK_SEARCH_API_KEY"
            return f"{words}, or the key on the page Models."
        if status in (402, 429, 432, 433):
            return f"{self.name} was asked too often for now, or its quota is used up. Try later, or go on without."
        return f"{self.name} answered with error {status}. Try later, or go on without."


class Ddgs:
    """The ddgs library in a process of its own, which knows nothing of our environment; its engines need no key."""

    name = _NAMES["ddgs"]

    def __init__(self, url: str = "") -> None:
        self._url = url

    async def find(self, query: str, most: int) -> list[SearchHit]:
        request = {"query": query, "most": most, "url": self._url}
        rows = await run_confined("tools.search_ddgs", request, (), f"{self.name} could not be asked. Try later.")
        return hits(rows)


def hits(rows: Sequence[Mapping[str, Any]]) -> list[SearchHit]:
    """Make plain results of rows, under any of the services' names."""
    found: dict[str, SearchHit] = {}
    for row in rows:
        url = _word(row.get("url") or row.get("href"))
        excerpt = _word(row.get("content") or row.get("description") or row.get("body"))
        if url:
            found.setdefault(url, SearchHit(url, _word(row.get("title"))[:200], excerpt[:_LONGEST]))
    return list(found.values())


def _word(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join(html.unescape(re.sub(r"<[^<>]{0,100}>", "", value[:5_000])).split())


def _itself(url: str) -> Opened:
    """Open exactly the host and port of a service: the administrator named it, so it may be inside."""
    parts = urlsplit(url)
    host = host_name(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
    opened = Opened(frozenset([(host, parts.port or PORTS.get(parts.scheme))]))
    web_address(url, opened)
    return opened
