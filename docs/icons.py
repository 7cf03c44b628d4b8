"""Draw the icons of the installed application from public/favicon.svg: `python docs/icons.py` (wants Chromium)."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "integration")]

from browser_fixtures import browser  # noqa: E402

ICONS = ROOT / "public" / "icons"
MARK = (ROOT / "public" / "favicon.svg").read_text(encoding="utf-8")
GROUND = "#1f5f5b"
SIZES = {
    "icon-192": (192, 1.0, ""),
    "icon-512": (512, 1.0, ""),
    "maskable-512": (512, 0.72, GROUND),
    "apple-touch-icon": (180, 0.86, GROUND),
}
"""Name -> pixels of a side, the part of it that the mark takes, and the ground behind it ("": none)."""


def main() -> None:
    """Write each icon as a PNG of at most 64 colours."""
    ICONS.mkdir(exist_ok=True)
    with browser() as chromium:
        for name, (side, part, ground) in SIZES.items():
            page = chromium.new_page(viewport={"width": side, "height": side})
            place = f"width:{side * part}px;height:{side * part}px"
            page.set_content(
                f'<body style="margin:0;display:grid;place-items:center;height:100vh;background:{ground or "transparent"}">'
                f'<div style="{place}">{MARK.replace("<svg ", f"<svg style={place} ", 1)}</div>'
            )
            shot = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
            drawn = shot.convert("RGBA" if not ground else "RGB")
            drawn.quantize(64, method=Image.Quantize.FASTOCTREE).save(ICONS / f"{name}.png", optimize=True)
            page.close()


if __name__ == "__main__":
    main()
