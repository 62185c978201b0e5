"""`retrieval models`: the models that plans know without asking a hub."""

from __future__ import annotations

import argparse

from retrieval_operator.cli.listing import Column, add_output, show
from retrieval_operator.facts.known import KNOWN_MODELS
from retrieval_operator.facts.model import Head, ModelFacts


def _use(facts: ModelFacts) -> str:
    is_reranker = facts.dims.head is Head.CLASSIFIER or "rerank" in facts.name.lower()
    return "reranker" if is_reranker else "embedder"


_COLUMNS = (
    Column("model", lambda one: f"hf://{one.name}"),
    Column("for", _use),
    Column("M parameters", lambda one: round(one.parameters / 1e6)),
    Column("dimensions", lambda one: "" if one.dimensions == 1 else one.dimensions),
    Column("tokens", lambda one: one.limit_tokens),
    Column("weights", lambda one: one.dtype.value),
    Column("note", lambda one: "pickled: allowPickle: true" if one.is_pickled else ""),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line for each model."""
    show(KNOWN_MODELS.values(), _COLUMNS, args.output)
    return 0
