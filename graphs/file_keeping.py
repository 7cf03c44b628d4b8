"""Files that people gave, deleted with all that was made of them: text, vectors, content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.contents import discard

if TYPE_CHECKING:
    from graphs.office import Office


async def delete_file(office: Office, file_id: str, user_id: str) -> None:
    """Delete a file a person gave; what links show of it stays while they live. Raises NotFound."""
    hashes = await office.uploads.delete(file_id, user_id)
    await office.index.forget(origin_id=file_id, user_id=user_id)
    await discard(office.database, office.blobs, hashes)
    office.database.settle_soon()
