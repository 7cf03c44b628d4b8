"""Pictures made for tests: a photo that says where it was taken, and a room that opens those of a folder of blobs."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from core.memories import Picture, ShownPicture
from core.settings import Settings
from memory.blobs import Blobs
from tools.pictures import Darkroom

GPS_MARK = b"GPS-canary"


def photo(width: int = 2400, height: int = 1200, colour: str = "red", *, kind: str = "JPEG") -> bytes:
    """Make a photo with a position, a comment and an author in it; half of it is blue, so that its place can be told."""
    picture = Image.new("RGB", (width, height), colour)
    picture.paste("blue", (width // 2, 0, width, height))
    exif = Image.Exif()
    exif[Base.Artist] = "canary author"
    place = exif.get_ifd(IFD.GPSInfo)
    place[GPS.GPSLatitudeRef], place[GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    place[GPS.GPSAreaInformation] = GPS_MARK
    out = io.BytesIO()
    more = {"comment": b"canary comment"} if kind == "JPEG" else {}
    picture.save(out, kind, exif=exif, **more)
    return out.getvalue()


async def darkroom(folder: Path, *contents: bytes, **options: object) -> tuple[Darkroom, list[Picture]]:
    """Store pictures; returns what opens them, and how they are named."""
    blobs = Blobs(folder / "blobs")
    hashes = [await blobs.put(content) for content in contents]
    named = [Picture(name=f"photo{n}.jpg", hash=content_hash) for n, content_hash in enumerate(hashes, 1)]
    return Darkroom(blobs, Settings.model_validate({"data_dir": folder} | options)), named


class PlainRoom:
    """Opens every picture as the same few bytes, without any process; keeps which were asked for."""

    def __init__(self, content: bytes = b"\x89PNG small", width: int = 1500, height: int = 1000) -> None:
        self._shown = ShownPicture(content=content, mime="image/png", width=width, height=height)
        self.opened: list[str] = []

    async def shown(self, picture: Picture) -> ShownPicture:
        self.opened.append(picture.hash)
        return self._shown
