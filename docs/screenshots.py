"""Take the pictures of the documentation from the running product: `python docs/screenshots.py` (wants Chromium).

What they show is the rehearsal model with two small files: nothing in them is staged.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "integration")]

from browser_fixtures import browser, finished, log_in, make_memo, make_sales, running, say, set_up, watched  # noqa: E402
from playwright.sync_api import Page  # noqa: E402

IMAGES = ROOT / "docs" / "images"
GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"


def shoot(page: Page, name: str) -> None:
    """Save what the page shows."""
    page.wait_for_timeout(600)
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Set up a house in a folder of its own, use it, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        files = [make_sales(Path(folder) / "sales.csv"), make_memo(Path(folder) / "memo.pdf")]
        with running(Path(folder) / "data") as server:
            page = watched(chromium, server).page
            set_up(page, server)
            page.wait_for_selector("#email")
            shoot(page, "login-1440")
            log_in(page, server)
            say(page, GOAL, files)
            finished(page, 60)
            page.reload()
            finished(page)
            page.evaluate("document.querySelector('.step').scrollIntoView()")
            shoot(page, "chat-1440")
            page.set_viewport_size({"width": 390, "height": 844})
            page.evaluate("document.querySelector('.step').scrollIntoView()")
            shoot(page, "chat-390")


if __name__ == "__main__":
    main()
