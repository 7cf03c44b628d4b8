"""The mission graph for LangGraph Studio: the same wiring, without the office behind it (see langgraph.json)."""

from __future__ import annotations

from graphs.mission_graph import MissionGraph, build_mission_graph


def graph() -> MissionGraph:
    """Build the graph for looking at; Studio brings its own checkpointer."""
    return build_mission_graph()
