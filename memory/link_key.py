"""The key behind links: a link's token is computed from it and the link's id, so that its owner can see it again.

The database holds only the token's hash: whoever reads the database without the key cannot open a link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path


def link_key(path: Path) -> bytes:
    """Read the key; made at the first link, readable by its owner only (blocking)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    arriving = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    if not path.exists():
        with open(os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(arriving, path)  # whole or not at all, and whoever is first wins
        except FileExistsError:
            pass  # another process made it meanwhile
        finally:
            arriving.unlink()
    return path.read_bytes().strip()


def derived(key: bytes, *parts: str) -> str:
    """Derive a secret of 43 letters (256 bits) that fits into an address."""
    digest = hmac.digest(key, "\n".join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def digest(token: str) -> str:
    """Hash a token, as the database keeps it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
