"""LangGraph's `@task`, as it can know one again: what it makes of a function is then made once, not at each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from langgraph.func import task as made_task

P = ParamSpec("P")
T = TypeVar("T")


def task(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make a function of a module a task.

    LangGraph keeps what it prepares for a function only if it finds it under its qualified name. There it finds the task,
    which has the function as `func`: without that it would take ours for a new one, and inspect it, at every call.
    """
    function.__qualname__ = f"{function.__qualname__}.func"
    return made_task(function)
