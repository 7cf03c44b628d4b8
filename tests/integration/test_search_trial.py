"""A search service that is entered in the browser: tried with a real search on loopback before it is kept, and tested later."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_connections import RIGHT, house, put
from web_fixtures import little_web, page

RESULT = page(
    '{"results": [{"url": "https://a.example/1", "title": "Sunny", "content": "All day."}]}', "application/json"
)


async def test_a_search_service_is_tried_and_kept_for_the_next_search(tmp_path: Path) -> None:
    async with house(tmp_path) as (served, ada), little_web(search=RESULT) as web:
        url = web.address("/search", "127.0.0.1")
        kept = await put(ada, name="search", service="tavily", key=RIGHT, base_url=url)
        assert (kept["kept"], kept["results"]) == (True, 1)
        assert web.visits[0].headers["authorization"] == f"Bearer {RIGHT}"
        now = (await served.office.connections.now()).settings
        assert (now.search, now.search_api_key.get_secret_value()) == ("tavily", RIGHT)
        again = await ada.post("/api/credentials/search/test", json={})
        assert (again.status_code, again.json()["results"], len(web.visits)) == (200, 1, 2)
        tested = await ada.post("/models", data={"kind": "test", "name": "search"})
        assert "Web search works" in (await ada.get(tested.headers["location"])).text
        assert (await ada.delete("/api/credentials/search")).status_code == 204
        assert (await served.office.connections.now()).settings.search == "ddgs"
        nothing = await ada.post("/api/credentials/search/test", json={})
        assert (nothing.status_code, "No search service" in nothing.text) == (400, True)


@pytest.mark.parametrize(
    ("service", "answer", "words"),
    [
        ("tavily", page("no", status="401 Unauthorized"), "does not accept this key"),
        ("brave", page("no", status="422 Unprocessable Entity"), "does not accept this key"),
        ("brave", page("no", status="429 Too Many Requests"), "quota is used up"),
        ("searxng", page("no", status="403 Forbidden"), "add json to search.formats"),
        ("searxng", page("no", status="404 Not Found"), "no search at this address"),
        ("tavily", page("no", status="500 Internal Server Error"), "error 500"),
        ("tavily", page("<html>"), "no list of results"),
        ("searxng", page('{"results": []}', "application/json"), "found nothing"),
        ("tavily", b"", "could not be asked"),
    ],
)
async def test_a_search_service_that_does_not_work_is_not_kept_and_it_is_said_why(
    tmp_path: Path, service: str, answer: bytes, words: str
) -> None:
    async with house(tmp_path) as (_, ada), little_web(search=answer) as web:
        url = web.address("" if service == "searxng" else "/search", "127.0.0.1")
        refused = await put(ada, 400, "search", service=service, key=RIGHT, base_url=url)
        assert (words in refused["detail"], "Nothing was kept" in refused["detail"]) == (True, True), refused
        assert RIGHT not in refused["detail"]
        form = {"kind": "connect", "name": "search", "service": service, "key": RIGHT, "base_url": url}
        shown = await ada.post("/models", data=form)
        assert (shown.status_code, words in shown.text, RIGHT in shown.text) == (400, True, False)
        assert (await ada.get("/api/credentials")).json() == []
