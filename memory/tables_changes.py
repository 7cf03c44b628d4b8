"""The tables behind changes of files: what each step made of which file, so that it can be listed and undone."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference

file_changes = Table(
    "file_changes",
    metadata,
    id_column(),
    Column("number", Integer, nullable=False, unique=True),  # the order in which they were made
    reference("mission_id", "missions.id"),
    Column("task_id", String(100)),
    Column("step", String(200), nullable=False),
    Column("words", Text, nullable=False),
    Column("undoes", String(64), nullable=False, server_default=""),  # the change that this one takes back
    Column("at", Moment, nullable=False),
    Index("file_changes_of_mission", "mission_id"),
)

changed_files = Table(  # the files of a change, by the hashes of their contents; None: there was, or is, no such file
    "changed_files",
    metadata,
    Column("change_id", String(64), ForeignKey("file_changes.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("before", String(64)),
    Column("after", String(64)),
    Index("changed_files_before", "before"),
    Index("changed_files_after", "after"),
)
