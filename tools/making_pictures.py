"""Pictures of strangers, opened with care: only raster formats, only so many points, and written anew."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

from tools.table_loading import Problem

MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1_800
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def opened(fd: int, name: str, side: int = LONGEST_SIDE) -> tuple[bytes, int, int]:
    """Read a picture and write its points anew as PNG or JPEG, and nothing of what it says beside them (where it was taken, by
    whom); returns its bytes, width and height. Raises Problem."""
    from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            file.seek(0)
            with Image.open(file, formats=_FORMATS) as found:
                if found.width * found.height > MOST_PIXELS:
                    raise Problem(f"{name} has {found.width} x {found.height} points, which is too large to be shown.")
                found.draft("RGB", (side, side))
                picture = ImageOps.exif_transpose(found.convert("RGBA" if _see_through(found) else "RGB"))
    except UnidentifiedImageError:
        raise Problem(f"{name} is no picture that can be shown. PNG, JPEG, GIF and WebP are.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Problem(f"{name} has more than {MOST_PIXELS:,} points, which is too large to be shown.") from None
    except (OSError, SyntaxError, ValueError, EOFError):
        raise Problem(f"{name} is damaged: it cannot be opened as a picture.") from None
    picture.thumbnail((side, side))
    picture.info.clear()  # comments and profiles would be written, too
    out = io.BytesIO()
    if picture.mode == "RGB" and not _few_colours(picture):
        picture.save(out, "JPEG", quality=88)
    else:
        picture.save(out, "PNG")
    return out.getvalue(), picture.width, picture.height


def shrunk(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make a picture fit to be shown."""
    [file] = request["files"]
    content, width, height = opened(file["fd"], file["name"], request.get("side", LONGEST_SIDE))
    return {"picture": content}, {"width": width, "height": height, "jpeg": content.startswith(b"\xff\xd8")}


def _see_through(picture: Any) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _few_colours(picture: Any) -> bool:
    """Say whether it is drawn rather than photographed: those stay sharp as PNG."""
    small = picture.copy()
    small.thumbnail((400, 400))
    return small.getcolors(4_000) is not None
