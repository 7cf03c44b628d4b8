"""Words that try to run or to call outside, planted wherever somebody's or a model's words are kept; then every page is opened in a
real browser, and a server beside it listens. Nothing is run, and nothing is asked for from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from browser_fixtures import Server, browser, finished, log_in, running, say, set_up, watched
from doors_belongings import row_of
from playwright.sync_api import Browser, Page, expect
from share_fixtures import hostile
from sqlalchemy import Connection, Table, create_engine, insert, select, update
from test_browser_shares import canary

from core.missions import now
from memory import tables

pytestmark = pytest.mark.browser
MORE = [
    '<img srcset="{c}/50.png 1x, {c}/50b.png 2x">', "[a]: {c}/51.png\n\n![a]", "<{c}/52.png>", "{c}/53.png",
    "www.canary.example/54",
    '<link rel="dns-prefetch" href="{c}/55"><link rel="preconnect" href="{c}">',
    "<style>@font-face{{src:url({c}/56.woff)}}</style>",
    ":::img{{src={c}/57.png}}\n:::", ":a[x]{{src={c}/58.png onclick=alert(58)}}", "::iframe{{src={c}/59}}",
    "<details open ontoggle=alert(60)>", "<marquee onstart=alert(61)>", "<math href=javascript:alert(62)>click</math>",
    "![a](data:text/html,<script>alert(63)</script>)", "$$\\href{{javascript:alert(64)}}{{x}}$$",
    "```mermaid\ngraph LR; A-->B; click A href \"{c}/65\"\n```", "<template><script>alert(66)</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(67)>\">", "<img src=1 href=1 onerror=\"alert(68)\" />",
    "<portal src={c}/69>", "<input autofocus onfocus=alert(70)>", "<picture><source srcset={c}/71><img></picture>",
]  # fmt: skip
"""Beside those of share_fixtures.FORMS."""
WATCH = "window.__ran = []; window.alert = (x) => window.__ran.push(x)"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("house") / "data", STAFFWORK_PUBLIC_LINKS="true") as started:
        page = watched(chromium, started).page
        set_up(page, started)
        page.context.close()
        yield started


@contextmanager
def inside(server: Server) -> Iterator[Connection]:
    """Write into the database beside the server, as a model or a person could have had it written."""
    engine = create_engine(f"sqlite:///{server.data / 'staffwork.db'}", connect_args={"timeout": 20})
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def plant(connection: Connection, conversation: str, forms: list[str]) -> dict[str, str]:
    """Put each form where a word of somebody's can be; returns the addresses of the pages that show them."""
    user = connection.execute(select(tables.users.c.id)).scalars().first()
    mission, blob = connection.execute(select(tables.artifacts.c.mission_id, tables.artifacts.c.hash)).first() or (
        "",
        "",
    )
    everything, lists = "\n\n".join(forms), {"triggers": json.dumps(forms[:5]), "operators": "[]", "draft": "<b>x"}
    mine = {"user_id": user, "expires_at": now() + timedelta(days=9)}

    def put(table: Table, **given: Any) -> None:
        known = {name: value for name, value in (mine | given).items() if name in table.columns}
        connection.execute(insert(table), row_of(table, **known))

    for n, form in enumerate(forms):
        about = {"id": f"x{n}", "version": 1, "mission_id": mission, "conversation_id": conversation}
        short, name = form[:200], form.replace("\n", " ").replace("/", "\\")[:150] + ".md"
        put(
            tables.contexts,
            **about,
            name=f"n{n}",
            title=short,
            text=everything,
            enabled=True,
            changed_by=short,
            **lists,
        )
        put(tables.context_versions, context_id=f"x{n}", version=1, title=short, text=form, changed_by=user, **lists)
        put(tables.artifacts, **about | {"version": 10 + n}, name=name, hash=blob, mime="text/markdown", task_id=None)
        put(tables.attachments, **about | {"id": f"y{n}"}, name=name, hash=blob, mime=form[:90], status="ready")
        put(tables.conversations, **about, title=short, changed_by=user)
        put(tables.users, id=f"x{n}", name=short, role="member", active=True)
        put(tables.schedules, **about, name=short[:100], goal=form, cron="0 0 1 1 *", timezone="UTC", missed="skip",
            overlap="skip", unattended="deny", priority="medium", active=True, next_at=now() + timedelta(days=3), changed_by=user,
            last_words=form)  # fmt: skip
        put(tables.approval_rules, **about, tool=form[:60], pattern=json.dumps({"x": form}), approval_id="x")
        put(tables.sessions, id=f"x{n}", token_hash=f"x{n}", token_version=1, agent=short, address="127.0.0.1")
        put(tables.api_keys, id=f"x{n}", name=short[:80], prefix="sw_x", key_hash=f"x{n}", scopes="read")
        put(
            tables.invitations,
            id=f"x{n}",
            made_by=user,
            role="member",
            name=short,
            email=short,
            token_hash=f"x{n}",
            used_by="",
        )
        put(tables.projects, id=f"x{n}", name=short)
        put(
            tables.audit,
            actor=short,
            actor_id="x",
            kind="signed_in",
            subject=short,
            address="x",
            details=json.dumps({"a": form}),
        )
    said = {"kind": "mission_ended", "where": "$.answer"}, {"kind": "tool_returned", "where": "$.output"}, {
        "kind": "tool_called", "where": "$.intent"}, {"kind": "task_started", "where": "$.goal"}  # fmt: skip
    for event in said:
        sql = "UPDATE events SET data = json_set(data, ?, ?) WHERE kind = ?"
        connection.exec_driver_sql(sql, (event["where"], everything, event["kind"]))
    connection.execute(update(tables.messages).values(text=everything))
    return {"mission": str(mission)}


PAGES = (
    "/thread/{c}", "/inbox", "/artifacts", "/artifacts/x3", "/contexts", "/contexts/x3", "/contexts/x3/compare?old=1&new=1",
    "/contexts/new?like=x3", "/people", "/people/x5", "/audit", "/schedules", "/shares", "/shares/new?conversation={c}", "/me",
    "/keys",
    "/conversations", "/search?query=alert", "/files", "/files/y3/view", "/models", "/feedback", "/export?conversation={c}",
    "/preferences", "/api/conversations/{c}/shares/preview?include=steps",
)  # fmt: skip


def unfold(page: Page) -> None:
    """Open every step of the chat, the inner ones as well."""
    for _ in range(3):
        page.evaluate(
            "document.querySelectorAll(\"button[id^='step-'][data-state=closed]\").forEach(one => one.click())"
        )
        page.wait_for_timeout(200)


@pytest.mark.timeout(300)
def test_nothing_runs_and_nothing_is_asked_for_on_any_page(chromium: Browser, server: Server) -> None:
    opened = watched(chromium, server)
    page = opened.page
    page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: dialog.dismiss())
    with canary() as (address, calls):
        log_in(page, server)
        page.request.get(address + "/it-listens")
        assert calls.pop() == "/it-listens"
        page.evaluate("alert('it watches')")
        assert page.evaluate("window.__ran") == ["it watches"]
        say(page, "What is 12 * 12? Then save it as sum.md")
        finished(page)
        page.wait_for_url("**/thread/**")
        conversation = page.url.rpartition("/")[2]
        forms = [*hostile(address), *(form.format(c=address) for form in MORE)]
        with inside(server) as connection:
            plant(connection, conversation, [form.replace("\x01", "") for form in forms])
        opened.foreign.clear()
        wrong = []
        for path in PAGES:
            answer = page.goto(server.url + path.format(c=conversation), wait_until="load")
            assert answer is not None
            if path.startswith("/thread"):
                expect(page.get_by_text("alert(6)").first).to_be_visible()
                unfold(page)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            ran = page.evaluate("window.__ran ?? []")
            if answer.status != 200 or ran or opened.foreign or calls:
                wrong.append((path, answer.status, ran, list(opened.foreign), list(calls)))
                opened.foreign.clear()
                calls.clear()
        assert wrong == []
    page.context.close()
