"""The program that asks the ddgs library's search engines, in a process of its own (see confined.py): no keys, no proxies."""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

from ddgs import DDGS
from ddgs.engines import ENGINES
from ddgs.exceptions import DDGSException

ENGINES_ASKED = ("duckduckgo", "brave", "mojeek", "wikipedia")
SECONDS = 25  # in all; one engine gets less
_ONE_ENGINE = 8


def main() -> None:
    """Answer the one request on standard input: {query, most, url}."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(SECONDS)
    reply: dict[str, Any]
    try:
        reply = {"result": find(**json.load(sys.stdin))}
    except DDGSException as problem:
        reply = {"problem": _words(str(problem))}
    json.dump(reply, sys.stdout)


def find(query: str, most: int, url: str) -> list[dict[str, str]]:
    """Return rows of title, href and body; `url` takes the place of DuckDuckGo's own address, and then only it is asked."""
    if url:
        ENGINES["text"]["duckduckgo"].search_url = url
    backend = "duckduckgo" if url else ",".join(ENGINES_ASKED)
    return DDGS(timeout=_ONE_ENGINE).text(query, max_results=most, backend=backend)


def _words(problem: str) -> str:
    if "No results" in problem:
        return "The search engines gave no results: there is none, or they do not answer programs just now. Try other words."
    return "The search engines cannot be reached. There may be no network here. Go on without, and say so."


if __name__ == "__main__":
    main()
