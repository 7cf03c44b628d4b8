"""Passages without a vector are found without looking at every passage there is, which each mission did twice."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    execute("CREATE INDEX passages_waiting ON passages (number) WHERE embedded_by = ''")
