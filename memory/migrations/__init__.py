"""Schema changes in order; each file in versions/ is one of these revisions."""

REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
"""What this version of the program works with; known without importing alembic, which keeps the start quick."""
