"""The runner that a verdict names, from the folder it lies in."""

from __future__ import annotations

from pathlib import Path

from retrieval_predictor.runners.graph import GraphRunner
from retrieval_predictor.runners.interaction import Interaction
from retrieval_predictor.runners.prepared import GRAPH
from retrieval_predictor.runners.runner import QueryRunner, Runner
from retrieval_predictor.wire.card import ModelCard


def open_graph(
    folder: Path, card: ModelCard, special: tuple[int, int] | None, cores: int
) -> Runner:
    """The model as a graph on so many cores; see `Prepared` for its card and special tokens."""
    interaction = Interaction(*special) if special else None
    graph = GraphRunner(folder / GRAPH, card.precision, cores, card.max_input_tokens, interaction)
    return QueryRunner(graph) if interaction else graph
