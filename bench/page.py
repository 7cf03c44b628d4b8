"""What the chat page costs a browser: its weight and first moments, beside a bare Chainlit hello, and a long answer as it comes.

`python -m bench page` needs Chromium. The long answer has 3,000 tokens at 50 a second, below 200 steps of earlier work. Prints
a table and writes bench/results/page.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.startup import BIN, HELLO, HERE, first_page, free_port

sys.path[:0] = [str(HERE.parent / "tests" / "e2e"), str(HERE.parent / "tests" / "integration")]

from browser_fixtures import CHROMIUM, Browser, Page, browser, expect, log_in, running, say, set_up  # noqa: E402
from wire_replies import WireReply  # noqa: E402
from wire_servers import WireServer  # noqa: E402

TASKS, CALLS_EACH = 20, 9
TOKENS, PER_SECOND = 3000, 50
READY = "#chat-input"


def play(body: dict[str, Any]) -> WireReply:
    """Play a model: twenty tasks of nine sums each, then, when a story is asked for, a long answer at a steady pace."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    last = str([m for m in body["messages"] if m["role"] == "user"][-1]["content"])
    if "make_plan" in tools:
        if "Tell a story" in last:
            words = "The **house** stood on a hill, and `nobody` knew who had built it.\n\n"
            text = (words * (TOKENS * 4 // len(words) + 1))[: TOKENS * 4]
            return WireReply(text=text, tokens_per_second=PER_SECOND, piece=8, tokens_out=TOKENS)
        tasks = [{"id": f"t{n}", "operator": "analyst", "goal": f"Sums {n}"} for n in range(TASKS)]
        return WireReply(calls=[("p", "make_plan", {"note": "Many sums.", "tasks": tasks})])
    if "finish" not in tools:
        return WireReply(text="All sums are done.")
    done = sum(m["role"] == "tool" for m in body["messages"])
    if done < CALLS_EACH:
        return WireReply(calls=[(f"c{done}", "calculate", {"expression": f"{done}+{hash(last) % 97}"})])
    return WireReply(calls=[("f", "finish", {"status": "completed", "summary": "Done.", "result": "Done."})])


def opened(chromium: Browser, url: str, ready: str, **known: Any) -> dict[str, Any]:
    """Open a page with an empty cache and count what it loads until one can type into it."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, **known)
    page = context.new_page()
    loaded = {"requests": 0, "bytes": 0}
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Performance.enable")
    devtools.on("Network.loadingFinished", lambda e: loaded.update(bytes=loaded["bytes"] + e["encodedDataLength"]))
    devtools.on("Network.requestWillBeSent", lambda e: loaded.update(requests=loaded["requests"] + 1))
    began = time.perf_counter()
    page.goto(url)
    page.locator(ready).wait_for()
    took = time.perf_counter() - began
    busy = metrics(devtools)
    context.close()
    return {
        "requests": loaded["requests"],
        "kb": round(loaded["bytes"] / 1024),
        "ready s": round(took, 2),
        "script s": round(busy["ScriptDuration"], 2),
        "heap mb": round(busy["JSHeapUsedSize"] / 2**20),
    }


def metrics(devtools: Any) -> dict[str, float]:
    return {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}


@contextmanager
def hello(folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "hello.py").write_text(HELLO)
    command = [str(BIN / "chainlit"), "run", "hello.py", "--headless", "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first_page(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def streamed(page: Page) -> dict[str, Any]:
    """Ask for the long answer and see how busy the page is while it comes: time of its thread, whatever else the machine does."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    say(page, "Tell a story")
    expect(page.get_by_text("The house stood on a hill").first).to_be_visible()
    before, began = metrics(devtools), time.perf_counter()
    time.sleep(TOKENS / PER_SECOND - 8)
    after, lasted = metrics(devtools), time.perf_counter() - began
    steps = page.locator("[data-step-type]").count()
    spent = {name: round((after[name] - before[name]) / lasted * 100) for name in ("TaskDuration", "ScriptDuration")}
    layouts = round((after["LayoutDuration"] + after["RecalcStyleDuration"] - before["LayoutDuration"]
                     - before["RecalcStyleDuration"]) / lasted * 100)  # fmt: skip
    return {
        "steps shown": steps,
        "main thread busy %": spent["TaskDuration"],
        "of it script %": spent["ScriptDuration"],
        "script ms a token": round(
            (after["ScriptDuration"] - before["ScriptDuration"]) * 1000 / lasted / PER_SECOND, 2
        ),
        "of it layout and style %": layouts,
        "heap mb": round(after["JSHeapUsedSize"] / 2**20),
    }


def main() -> None:
    if not Path(CHROMIUM).exists():
        print("Skipped: this needs Chromium on the machine.")
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, browser() as chromium, WireServer(play) as model:
        variables = {
            "STAFFWORK_MODEL": "compatible:m",
            "STAFFWORK_COMPATIBLE_BASE_URL": model.base_url,
            "STAFFWORK_MISSION_TOOL_CALLS": "1000",
            "STAFFWORK_MISSION_MODEL_CALLS": "1000",
        }
        with running(Path(folder) / "data", **variables) as server:
            page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
            set_up(page, server)
            results["Staffwork, login page"] = opened(chromium, server.url + "/login", "#email")
            log_in(page, server)
            known = page.context.storage_state()
            results["Staffwork, chat page"] = opened(chromium, server.url, READY, storage_state=known)
            say(page, "Do many sums")
            expect(page.get_by_text("All sums are done.").first).to_be_visible(timeout=120_000)
            results["a long answer"] = streamed(page)
        with hello(Path(folder)) as url:
            results["Chainlit hello, chat"] = opened(chromium, url, READY)
    for name, row in results.items():
        print(f"{name:<24}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    folder_of_results = HERE / "results"
    folder_of_results.mkdir(exist_ok=True)
    (folder_of_results / "page.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
