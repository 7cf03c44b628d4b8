"""Take the pictures of the documentation from the running product: `make screenshots` (wants Chromium).

What they show is the rehearsal model with two small files, nothing staged: every main view, wide and narrow, by day and by night.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "integration")]

from browser_fixtures import Server, browser, finished, log_in, make_memo, make_sales, running, say, set_up, watched  # noqa: E402
from playwright.sync_api import Browser, Page, expect  # noqa: E402

IMAGES = ROOT / "docs" / "images"
GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
ASKS = "Compare the two files that I will send you"
SIZES = {"1440": (1440, 900), "390": (390, 844)}
PAGES = (
    "inbox", "search?query=risk", "conversations", "artifacts", "files", "schedules", "contexts", "preferences", "memories",
    "models", "people",
)  # fmt: skip


def save(page: Page, name: str) -> None:
    """Save what the page shows, small."""
    page.wait_for_timeout(500)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(IMAGES / f"{name}.webp", quality=82, method=6)


def work(page: Page, server: Server, folder: Path) -> str:
    """Have something done, and something asked; returns the address of the first conversation."""
    log_in(page, server)
    say(page, GOAL, [make_sales(folder / "sales.csv"), make_memo(folder / "memo.pdf")])
    finished(page, 120)
    done = page.url
    page.goto(server.url)
    expect(page.locator("#pages-button")).to_be_visible()
    say(page, ASKS)
    page.wait_for_function(
        "async () => !document.getElementById('stop-button') || (await (await fetch('/api/me/pages')).json()).waiting > 0",
        timeout=120_000,
    )
    return done


def chat(page: Page, address: str) -> None:
    """Open a conversation with its steps in sight."""
    page.goto(address)
    expect(page.locator("#pages-button")).to_be_visible()
    finished(page)
    page.evaluate("document.querySelector('.step').scrollIntoView()")


def keys(page: Page, address: str) -> None:
    """Show the sheet of keys."""
    chat(page, address)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet")).to_be_visible()


def views(server: Server, done: str) -> dict[str, Callable[[Page], Any]]:
    """Name -> how one gets there, logged in."""

    def empty(page: Page) -> None:
        page.goto(server.url)
        expect(page.locator("#pages-button")).to_be_visible()

    found: dict[str, Callable[[Page], Any]] = {
        "chat": lambda page: chat(page, done),
        "new": empty,
        "keys": lambda page: keys(page, done),
    }
    for path in PAGES:
        found[path.split("?")[0]] = lambda page, path=path: page.goto(f"{server.url}/{path}")
    return found


def shoot(chromium: Browser, server: Server, state: Any, done: str) -> None:
    """Take every view in each size, by day and by night."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
            page = watched(chromium, server, **options).page
            page.goto(f"{server.url}/login")
            page.wait_for_selector("#email")
            save(page, f"login-{size}-{scheme}")
            page.context.close()
            page = watched(chromium, server, storage_state=state, **options).page
            for name, go in views(server, done).items():
                go(page)
                save(page, f"{name}-{size}-{scheme}")
            page.context.close()


def main() -> None:
    """Set up a house in a folder of its own, use it, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium, running(Path(folder) / "data") as server:
        page = watched(chromium, server).page
        set_up(page, server)
        done = work(page, server, Path(folder))
        state = page.context.storage_state()
        page.context.close()
        shoot(chromium, server, state, done)


if __name__ == "__main__":
    main()
