"""The key behind links: a link's token is computed from it and the link's id, so that its owner can see it again.

The database holds only the token's hash: whoever reads the database without the key cannot open a link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from memory.key_files import kept


def link_key(path: Path) -> bytes:
    """Read the key; made at the first link, readable by its owner only (blocking)."""
    return kept(path, lambda: secrets.token_urlsafe(48)).encode()


def derived(key: bytes, *parts: str) -> str:
    """Derive a secret of 43 letters (256 bits) that fits into an address."""
    digest = hmac.digest(key, "\n".join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def digest(token: str) -> str:
    """Hash a token, as the database keeps it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
