"""What a person finds in an empty conversation: goals to begin with."""

from __future__ import annotations

STARTERS = (
    (
        "Compare two options",
        "Compare renting and buying an electric delivery van over five years: "
        "rent 690 a month; buy for 38,000, resale value 14,000, insurance 1,200 a year. Which is cheaper, and by how much?",
    ),
    (
        "Plan a project",
        "Plan the move of a twelve-person office to a new floor in six weeks: list the tasks in order, "
        "then name the three biggest risks and how to meet them.",
    ),
    (
        "Work out a budget",
        "Work out a budget for a two-day workshop for 25 people: room 1,800, catering 38 per person and day, "
        "two trainers at 950 a day each. Give the total and the price per person.",
    ),
    (
        "Draft a message",
        "Draft a short, friendly message to customers that the service will be down on Saturday from 6 to 8 in the morning, "
        "then a second version of it for internal use.",
    ),
)
"""Label and goal; none of them needs a file."""
