"""The course of a mission, on one screen."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from core.settings import Settings
from graphs import mission_nodes as nodes
from graphs.mission_run import MissionRun, current_run
from graphs.mission_state import MissionState, outcomes_of
from graphs.plan_approval import approve
from graphs.recovering import recover, wanted_again
from graphs.reviewing import review

MissionGraph = CompiledStateGraph[MissionState, MissionRun, MissionState, MissionState]


def most_steps(settings: Settings) -> int:
    """Bound the supersteps of one attempt: a net below the real bounds, never to be reached.

    To plan takes 13 at most (three questions, two plans shown, one made anew). Every further round, from delegate to report,
    has at least one new task (at most `mission_tasks` with the first plan) or is one of the `review_rounds`, and takes 4. A
    task that the user wants tried again but for which there is no room costs 3, once.
    """
    return 25 + 8 * (settings.mission_tasks + settings.review_rounds)


def build_mission_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> MissionGraph:
    """Wire a mission: brief -> plan -> (answer | ask | approve | delegate) -> recover -> review -> report."""
    graph = StateGraph(MissionState, context_schema=MissionRun)
    graph.add_node("brief", nodes.brief)
    graph.add_node("plan", nodes.plan)
    graph.add_node("ask", nodes.ask)
    graph.add_node("approve", approve)
    graph.add_node("delegate", nodes.delegate)
    graph.add_node("recover", recover)
    graph.add_node("review", review)
    graph.add_node("report", nodes.report)

    graph.add_edge(START, "brief")
    graph.add_edge("brief", "plan")
    graph.add_conditional_edges(
        "plan", decided, {"answer": END, "ask": "ask", "approve": "approve", "delegate": "delegate"}
    )
    graph.add_edge("ask", "plan")
    graph.add_conditional_edges("approve", decided, {"plan": "plan", "delegate": "delegate"})
    graph.add_conditional_edges("delegate", delegated, {"recover": "recover", "review": "review"})
    graph.add_conditional_edges("recover", recovered, {"delegate": "delegate", "review": "review"})
    graph.add_conditional_edges("review", reviewed, {"delegate": "delegate", "report": "report"})
    graph.add_conditional_edges("report", reported, {"recover": "recover", "done": END})
    return graph.compile(checkpointer=checkpointer, name="mission")


def decided(state: MissionState) -> str:
    """Follow the Chief's decision, or the user's about the plan."""
    return state["decision"]


def delegated(state: MissionState) -> str:
    """Go on to the review at once where nothing failed and nobody wants anything tried again."""
    return "recover" if outcomes_of(state).failed or wanted_again(current_run(), state) else "review"


def recovered(state: MissionState) -> str:
    """Go round again while failed tasks are tried again."""
    return "delegate" if state.get("todo") else "review"


def reviewed(state: MissionState) -> str:
    """Go round again while tasks were sent back."""
    return "delegate" if state.get("todo") else "report"


def reported(state: MissionState) -> str:
    """Go back while there is no answer: the user wants a task tried again first."""
    return "done" if state.get("answer") else "recover"
