"""The tables behind what operators made: every version of every file, its tags, and the words it is found by."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference

artifacts = Table(  # one row per version; the versions of one artifact share conversation and name
    "artifacts",
    metadata,
    id_column(),
    reference("mission_id", "missions.id"),
    Column("task_id", String(64)),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("mime", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("step", String(200), nullable=False, server_default=""),  # of the call that made it
    Column("restored_from", String(64), nullable=False, server_default=""),  # the version a person brought back
    Index("artifacts_of_mission", "mission_id"),
    Index("artifacts_by_hash", "hash"),
)

artifact_tags = Table(  # a tag belongs to the whole artifact; it hangs on one of its versions
    "artifact_tags",
    metadata,
    Column("artifact_id", String(64), ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(60), primary_key=True),
    Index("artifact_tags_by_tag", "tag"),
    sqlite_with_rowid=False,
)

artifact_words = Table(  # the words in a version's text, folded: no accents, one case
    "artifact_words",
    metadata,
    Column("artifact_id", String(64), ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("word", String(60), primary_key=True),
    Index("artifact_words_by_word", "word"),
    sqlite_with_rowid=False,
)

artifact_readings = Table(  # which versions were read for their words, and why there are none
    "artifact_readings",
    metadata,
    Column("artifact_id", String(64), ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("problem", Text, nullable=False),
    sqlite_with_rowid=False,
)
