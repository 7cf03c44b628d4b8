"""Schema changes in order; each file in versions/ is one of these revisions."""

REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012",
    "0013", "0014", "0015",
)  # fmt: skip
HEAD = REVISIONS[-1]
"""What this version of the program works with; known without importing alembic, which keeps the start quick."""
