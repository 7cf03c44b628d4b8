"""Words that try to run or to call outside, planted wherever somebody's or a model's words are kept; then every page is opened in a
real browser, and a server beside it listens. Nothing is run, and nothing is asked for from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from browser_fixtures import Server, finished, log_in, running, say, set_up, watched
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


class Planter:
    """Puts forms where words of somebody's can be: in the rows of one person, of one mission in one conversation of theirs."""

    def __init__(self, connection: Connection, conversation: str, forms: list[str]) -> None:
        self._connection, self._forms, self._everything = connection, forms, "\n\n".join(forms)
        made = connection.execute(select(tables.artifacts.c.mission_id, tables.artifacts.c.hash)).one()
        self._user = str(connection.execute(select(tables.users.c.id)).scalar_one())
        mine = {"user_id": self._user, "changed_by": self._user, "expires_at": now() + timedelta(days=9), "version": 1}
        self._hers = mine | {"mission_id": made.mission_id, "conversation_id": conversation, "hash": made.hash}

    def put(self, table: Table, **given: Any) -> None:
        known = {name: value for name, value in (self._hers | given).items() if name in table.columns}
        self._connection.execute(insert(table), row_of(table, **known))

    def plant(self) -> None:
        for n, form in enumerate(self._forms):
            self.things(n, form, form[:200])
            self.people(f"x{n}", form, form[:200])
        self.happenings()

    def things(self, n: int, form: str, short: str) -> None:
        """What is made, given, kept and planned."""
        key, name = {"id": f"x{n}"}, form.replace("\n", " ").replace("/", "\\")[:150] + ".md"
        lists = {"triggers": json.dumps(self._forms[:5]), "operators": "[]", "draft": "<b>x"}
        self.put(tables.contexts, **key, name=f"n{n}", title=short, text=self._everything, enabled=True, **lists)
        self.put(tables.context_versions, context_id=f"x{n}", title=short, text=form, **lists)
        self.put(tables.artifacts, **key, version=10 + n, name=name, mime="text/markdown", task_id=None)
        self.put(tables.attachments, id=f"y{n}", name=name, mime=form[:90], status="ready")
        self.put(tables.conversations, **key, title=short)
        self.put(tables.projects, **key, name=short)
        about = {"cron": "0 0 1 1 *", "timezone": "UTC", "missed": "skip", "overlap": "skip", "unattended": "deny"}
        plan = {"name": short[:100], "goal": form, "last_words": form, "priority": "medium", "active": True}
        self.put(tables.schedules, **key, **about, **plan, next_at=now() + timedelta(days=3))
        self.put(tables.approval_rules, **key, tool=form[:60], pattern=json.dumps({"x": form}), approval_id="x")

    def people(self, key: str, form: str, short: str) -> None:
        """Who is there, and by which ways they come in."""
        self.put(tables.users, id=key, name=short, role="member", active=True)
        self.put(tables.sessions, id=key, token_hash=key, token_version=1, agent=short, address="127.0.0.1")
        self.put(tables.api_keys, id=key, name=short[:80], prefix="sw_x", key_hash=key, scopes="read")
        given = {"name": short, "email": short, "used_by": "", "role": "member"}
        self.put(tables.invitations, id=key, made_by=self._user, token_hash=key, **given)
        told = {"kind": "signed_in", "address": "x", "details": json.dumps({"a": form})}
        self.put(tables.audit, actor=short, actor_id="x", subject=short, **told)

    def happenings(self) -> None:
        """What the person asked, and what a model, an operator and a tool said."""
        places = {"mission_ended": "answer", "tool_returned": "output", "tool_called": "intent", "task_started": "goal"}
        for kind, field in places.items():
            sql = "UPDATE events SET data = json_set(data, ?, ?) WHERE kind = ?"
            self._connection.exec_driver_sql(sql, (f"$.{field}", self._everything, kind))
        self._connection.execute(update(tables.messages).values(text=self._everything))


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
            Planter(connection, conversation, [form.replace("\x01", "") for form in forms]).plant()
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
