"""Searching the web: each service in its own words, and what is said when it does not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from web_fixtures import desk_with, known, little_web, moved, page

from core.settings import Settings
from tools.search_services import SearchApi, search_service

RESULTS = {
    "searxng": {"query": "q", "results": [
        {"url": "https://a.example/1", "title": "One &amp; only", "content": "First <b>words</b>", "engine": "x", "score": 1.0},
        {"url": "http://10.0.0.1:8080/", "title": "inside", "content": ""},
        {"url": "javascript:alert(1)", "title": "bad"}, {"url": None}, "nonsense",
        {"url": "https://b.example/2", "title": "Two", "content": None}]},
    "tavily": {"query": "q", "answer": None, "images": [], "response_time": 1.2, "results": [
        {"title": "One & only", "url": "https://a.example/1", "content": "First words", "score": 0.9, "raw_content": None},
        {"title": "Two", "url": "https://b.example/2", "content": "", "score": 0.8}]},
    "brave": {"type": "search", "web": {"type": "search", "results": [
        {"title": "One &amp; only", "url": "https://a.example/1", "description": "First <strong>words</strong>", "age": "1 day"},
        {"title": "Two", "url": "https://b.example/2", "description": ""}]}},
}  # fmt: skip


@pytest.mark.parametrize("kind", RESULTS)
async def test_a_search_service_is_asked_in_its_own_words(tmp_path: Path, kind: str) -> None:
    async with little_web(search=page(json.dumps(RESULTS[kind]), "application/json")) as web:
        url = web.address("" if kind == "searxng" else "/search", "127.0.0.1")
        desk = desk_with(tmp_path, web, SearchApi(kind, url, "the-key", known("192.0.2.1")))
        outcome = await desk.use("web_search", query="heat pumps & prices", most=5)
    [asked] = web.visits
    assert outcome.status == "ok", outcome.output
    assert "1. One & only\n   https://a.example/1\n   First words\n2. Two\n   https://b.example/2" in outcome.output
    assert "inside" not in outcome.output
    assert [s.origin_id for s in outcome.sources] == ["https://a.example/1", "https://b.example/2"]
    assert outcome.sources[0].quote == "First words"
    if kind == "tavily":
        assert asked.line.startswith("POST /search ")
        assert json.loads(asked.body) == {"query": "heat pumps & prices", "max_results": 5, "search_depth": "basic"}
        assert asked.headers["authorization"] == "Bearer the-key"
    elif kind == "brave":
        assert asked.path == "/search?q=heat+pumps+%26+prices&count=5"
        assert asked.headers["x-subscription-token"] == "the-key"
    else:
        assert asked.path == "/search?q=heat+pumps+%26+prices&format=json"
        assert "the-key" not in str(asked)


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        ("searxng", page("no", status="403 Forbidden"), "must add json to search.formats"),
        ("tavily", page("no", status="401 Unauthorized"), "must check STAFFWORK_SEARCH_API_KEY"),
        ("brave", page("slow down", status="429 Too Many Requests"), "asked too often"),
        ("brave", page("oh", status="500 Internal Server Error"), "error 500"),
        ("tavily", page("<html>login</html>"), "no list of results"),
        ("searxng", page('{"results": 3}', "application/json"), "no list of results"),
        ("brave", moved("http://evil.example/"), "not followed"),
        ("tavily", b"", "could not be asked"),
    ],
)
async def test_what_goes_wrong_with_a_search_says_who_can_act(
    tmp_path: Path, kind: str, answer: bytes, words: str
) -> None:
    async with little_web(search=answer) as web:
        url = web.address("" if kind == "searxng" else "/search", "127.0.0.1")
        desk = desk_with(tmp_path, web, SearchApi(kind, url, "the-key", known("192.0.2.1")))
        outcome = await desk.use("web_search", query="anything")
    assert outcome.status == "failed"
    assert words in outcome.output
    assert "the-key" not in outcome.output


DUCK = """<html><body><div class="serp__results"><div class="result results_links"><div class="links_main result__body">
<h2 class="result__title"><a class="result__a" href="https://a.example/1">One &amp; only</a></h2>
<a class="result__snippet" href="https://a.example/1">First <b>heat pump</b> words</a></div></div></div></body></html>"""


async def test_ddgs_is_asked_in_a_process_without_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDGS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with little_web(html=page(DUCK)) as web:
        settings = Settings(data_dir=tmp_path, search_url=web.address("/html", "127.0.0.1"))
        desk = desk_with(tmp_path, web, search_service(settings, known()))
        text = await desk.ask("web_search", query="heat pump")
    assert "1. One & only\n   https://a.example/1\n   First heat pump words" in text
    assert web.visits[0].line.startswith("POST /html ")
    assert b"q=heat" in web.visits[0].body


async def test_ddgs_without_a_network_says_so(tmp_path: Path) -> None:
    async with little_web() as web:
        settings = Settings(data_dir=tmp_path, search_url=web.address("/html", "127.0.0.1"))
    outcome = await desk_with(tmp_path, web, search_service(settings, known())).use("web_search", query="heat pump")
    assert outcome.status == "failed"
    assert "no network here" in outcome.output or "no results" in outcome.output
