"""The tables behind connections: keys of providers (sealed), the models that were chosen, and how often this changed."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from memory.columns import Moment, metadata
from memory.sealing import SEALED

credentials = Table(
    "credentials",
    metadata,
    Column("name", String(40), primary_key=True),  # openai | anthropic | openrouter | compatible | search
    Column("secret", Text, nullable=False, info=SEALED),  # JSON: key, address, service; together, so none is exchanged
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(200), nullable=False),  # their name then; a credential stays when they leave
    Column("tested_at", Moment),
    sqlite_with_rowid=False,
)

model_choices = Table(
    "model_choices",
    metadata,
    Column("tier", String(20), primary_key=True),  # small | standard | strong
    Column("model", String(300), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(200), nullable=False),
    sqlite_with_rowid=False,
)

marks = Table(  # counted up with every change, so that other processes notice; one row writes collide on
    "marks",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)
