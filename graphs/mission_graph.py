"""The course of a mission, on one screen."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs import mission_nodes as nodes
from graphs.mission_run import MissionRun
from graphs.mission_state import MissionState
from graphs.reviewing import review

MissionGraph = CompiledStateGraph[MissionState, MissionRun, MissionState, MissionState]

STEPS = 40
"""Most supersteps of one attempt: more than the longest course (three questions, three review rounds) can take."""


def build_mission_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> MissionGraph:
    """Wire a mission: brief -> plan -> (answer | ask | delegate) -> review -> report."""
    graph = StateGraph(MissionState, context_schema=MissionRun)
    graph.add_node("brief", nodes.brief)
    graph.add_node("plan", nodes.plan)
    graph.add_node("ask", nodes.ask)
    graph.add_node("delegate", nodes.delegate)
    graph.add_node("review", review)
    graph.add_node("report", nodes.report)

    graph.add_edge(START, "brief")
    graph.add_edge("brief", "plan")
    graph.add_conditional_edges("plan", decided, {"answer": END, "ask": "ask", "delegate": "delegate"})
    graph.add_edge("ask", "plan")
    graph.add_edge("delegate", "review")
    graph.add_conditional_edges("review", reviewed, {"delegate": "delegate", "report": "report"})
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer, name="mission")


def decided(state: MissionState) -> str:
    """Follow the Chief's decision."""
    return state["decision"]


def reviewed(state: MissionState) -> str:
    """Go round again while tasks were sent back."""
    return "delegate" if state.get("todo") else "report"
