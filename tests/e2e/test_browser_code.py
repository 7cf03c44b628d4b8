"""A model that writes code, in a real browser: the code is shown, allowed by a person, and what it made survives a restart."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import browser, finished, log_in, running, say, set_up, wait_until, watched
from ordinary_user import USER, dropped, skip_or_fail_without
from playwright.sync_api import expect
from wire_replies import WireReply
from wire_servers import WireServer

from tools.clearing import clear

pytestmark = [pytest.mark.browser, pytest.mark.sandbox]
CODE = """import pandas as pd, matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
t = pd.read_csv('/given/sales.csv', parse_dates=['order_date'])
m = t.groupby(t.order_date.dt.strftime('%Y-%m')).revenue.sum()
m.plot.bar(title='Revenue per month')
plt.tight_layout(); plt.savefig('revenue.png'); plt.savefig('revenue.pdf')
print(m.to_string())
"""
CARD = "#steer .steer-approval"


def play(body: dict[str, Any]) -> WireReply:
    """Play the Chief, and an analyst who reads the file and then writes code."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    called = [c["function"]["name"] for m in body["messages"] for c in m.get("tool_calls") or ()]
    if "make_plan" in tools:
        tasks = [{"operator": "analyst", "goal": "Plot revenue per month from sales.csv and save it as PDF"}]
        return WireReply(calls=[("p", "make_plan", {"note": "One part.", "tasks": tasks})])
    if "finish" not in tools:
        return WireReply(text="Revenue rises. The chart is in revenue.pdf.")
    if "read_file" not in called:
        return WireReply(calls=[("r", "read_file", {"file": "sales.csv"})])
    if "run_python" not in called:
        return WireReply(calls=[("c", "run_python", {"code": CODE})])
    last = json.dumps(body["messages"][-1])
    done = "completed" if "2026-02" in last else "failed"
    return WireReply(calls=[("f", "finish", {"status": done, "summary": "Drawn.", "result": "See revenue.pdf."})])


@pytest.fixture
def folder() -> Iterator[Path]:
    skip_or_fail_without()
    made = Path(tempfile.mkdtemp(prefix="house-"))
    yield made
    clear(made)
    shutil.rmtree(made, ignore_errors=True)


def test_code_is_shown_allowed_and_its_chart_stays(folder: Path) -> None:
    csv = folder / "sales.csv"
    csv.write_text("order_date,revenue\n2026-01-05,10\n2026-02-05,30\n2026-02-09,1\n2026-03-01,20\n")
    root = os.geteuid() == 0  # the product runs as an ordinary user, and code of models nowhere else
    if root:
        os.chown(folder, USER, USER)
    with WireServer(play, check=False) as model, browser() as chromium:
        variables = {"STAFFWORK_MODEL": "compatible:m", "STAFFWORK_COMPATIBLE_BASE_URL": model.base_url}
        variables |= {"HOME": str(folder), "TMPDIR": str(folder)}
        with running(folder / "data", dropped if root else list, **variables) as server:
            page = watched(chromium, server).page
            set_up(page, server)
            log_in(page, server)
            ready = page.request.get(server.url + "/readyz").json()
            assert "cannot run code" not in json.dumps(ready)
            say(page, "Plot revenue per month from this CSV and save it as PDF", [csv])
            card = page.locator(CARD)
            expect(card).to_contain_text("needs your approval: run_python", timeout=60_000)
            expect(card.locator("pre")).to_contain_text("t.groupby(t.order_date.dt.strftime")
            page.get_by_role("button", name="Allow once").click()
            finished(page, 90)
            page.wait_for_url("**/thread/**")
            picture = page.locator("img[src*='/files/artifact/']").first
            for restarted in (False, True):
                if restarted:
                    server.restart()
                    page.reload()
                expect(picture).to_be_visible(timeout=30_000)
                wait_until(lambda: picture.evaluate("e => e.complete && e.naturalWidth > 100"))
                link = page.locator("a[href^='/artifacts/']:not([href*='#'])", has_text="revenue.pdf").first
                link.scroll_into_view_if_needed()
                expect(link).to_have_attribute("data-version", "v1", timeout=15_000)
            made = page.request.get(server.url + "/api/artifacts").json()["artifacts"]
            assert {a["name"] for a in made} == {"revenue.png", "revenue.pdf"}
            assert all(a["operator"] == "analyst" and a["model"] == "compatible:m" for a in made)
