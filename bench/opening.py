"""How long one waits for a conversation of 200 missions: from the click until its last answer is drawn and the page at rest.

`python -m bench opening` needs Chromium. A mission is played once and its events are stored again and again under other ids.
Prints a table, writes results/opening.json, and fails where the median of the rounds is over a second.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests" / "e2e"), str(HERE.parent / "tests" / "integration")]

from browser_fixtures import CHROMIUM, FLAGS  # noqa: E402
from doors_fixtures import PASSWORD  # noqa: E402
from playwright.async_api import Browser, Page, async_playwright  # noqa: E402
from served_fixtures import given, serve, until_at_rest  # noqa: E402

from bench.chat_scale import store  # noqa: E402

SIZES, ROUNDS, SECONDS = (1, 200), 7, 1.0
QUIET_MS = 100
"""The page is at rest when for so long nothing held it up for 50 ms and nothing of the conversation changed."""

WATCH = """() => {
  const open = window.opening = { asked: performance.now(), drawn: 0, rest: 0, busy: 0, nodes: 0 };
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    if (now - last > 50) open.busy += now - last;
    if (open.drawn && now - last < 50 && now - Math.max(open.drawn, open.held ?? 0) > QUIET) {
      open.rest = Math.max(open.drawn, open.held ?? 0);
      return;
    }
    if (now - last > 50) open.held = now;
    last = now;
    setTimeout(tick, 5);
  };
  new MutationObserver(() => {
    if (open.drawn) return;
    const said = Array.from(document.querySelectorAll('[data-step-type="user_message"]')).at(-1);
    const answer = Array.from(document.querySelectorAll('[data-step-type="assistant_message"] .message-content')).at(-1);
    if (said?.innerText.includes(LAST) && answer?.innerText.includes('The answer is 42')) open.drawn = performance.now();
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
  setTimeout(tick, 5);
}"""


async def opened(page: Page, url: str, title: str, last: str) -> dict[str, float]:
    """Go from an empty chat to a conversation by a click; milliseconds, and what it cost the page."""
    await page.goto(url)
    await page.locator("#upload-button:not([disabled])").wait_for()
    link = page.locator("#thread-history a", has_text=title).first
    await link.wait_for()
    await page.wait_for_timeout(1_000)
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    before = await metrics(devtools)
    await page.evaluate(WATCH.replace("QUIET", str(QUIET_MS)).replace("LAST", json.dumps(last)))
    await link.evaluate("(link) => { window.opening.asked = performance.now(); link.click(); }")
    await page.wait_for_function("() => window.opening.rest > 0", timeout=120_000)
    found = await page.evaluate("() => window.opening")
    after = await metrics(devtools)
    await devtools.detach()
    return {
        "drawn ms": found["drawn"] - found["asked"],
        "at rest ms": found["rest"] - found["asked"],
        "main thread ms": (after["TaskDuration"] - before["TaskDuration"]) * 1000,
        "script ms": (after["ScriptDuration"] - before["ScriptDuration"]) * 1000,
        "nodes": after["Nodes"],
    }


async def metrics(devtools: Any) -> dict[str, float]:
    return {m["name"]: m["value"] for m in (await devtools.send("Performance.getMetrics"))["metrics"]}


async def logged_in(chromium: Browser, url: str) -> Page:
    page = await (await chromium.new_context(viewport={"width": 1440, "height": 900})).new_page()
    await page.goto(url + "/login")
    await page.fill("#email", "ada")
    await page.fill("#password", PASSWORD)
    await page.click("button[type=submit]")
    await page.locator("#chat-input").wait_for()
    return page


async def measure(folder: Path) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    async with serve(folder) as house, house.visitor("ada") as client, async_playwright() as playwright:
        office, user_id = house.office, (await house.office.people.by_name("ada")).id
        played = await given(client, "Work it out")
        await until_at_rest(client, played, "completed")
        events = await office.journal.read(played)
        for size in SIZES:
            for number in range(size):
                await store(office, user_id, f"talk-of-{size}", f"Question {number} of talk {size}", events)
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await logged_in(chromium, house.url)
        for size in SIZES:
            title, last = f"of talk {size}", f"Question {size - 1} of talk {size}"
            rounds = [await opened(page, house.url, title, last) for _ in range(1 + ROUNDS)][1:]  # the first warms up
            results[f"{size} missions"] = {n: round(statistics.median(r[n] for r in rounds)) for n in rounds[0]}
        await chromium.close()
    return results


def report(results: dict[str, dict[str, float]]) -> int:
    for name, row in results.items():
        print(f"{name:<16}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    (HERE / "results" / "opening.json").write_text(json.dumps(results, indent=1) + "\n")
    late = [name for name, row in results.items() if row["at rest ms"] > SECONDS * 1000]
    print(f"over a second: {', '.join(late)}" if late else "all within a second")
    return 1 if late else 0


def main() -> int:
    if not Path(CHROMIUM).exists():
        print("Skipped: this needs Chromium on the machine.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return report(asyncio.run(measure(Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
