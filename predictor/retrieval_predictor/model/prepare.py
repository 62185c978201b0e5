"""Find out what computes a model best on this CPU, in a process of its own.

PyTorch takes half a gigabyte of memory before it holds a weight. Where OpenVINO gives the same rows
at least as fast, this process leaves the model as a graph and ends; the engine serves that and
never imports PyTorch: `python -m retrieval_predictor.model.prepare FOLDER SCRATCH CORES`.
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog
import torch
from torch import nn

from retrieval_predictor.errors import StartupError
from retrieval_predictor.model.convert import Scores, TokenVectors, Vectors, save_graph
from retrieval_predictor.model.encoder import TOLERANCE, has_types, make_probe
from retrieval_predictor.model.load import Source, load_source, open_source
from retrieval_predictor.model.precision import dtype_of
from retrieval_predictor.model.scoring import is_classifier
from retrieval_predictor.model.stages import dense_of, require_few_labels
from retrieval_predictor.model.weights import read_weights
from retrieval_predictor.runners.opening import open_graph
from retrieval_predictor.runners.prepared import GRAPH, REFUSAL, Prepared, write
from retrieval_predictor.runners.runner import Runner
from retrieval_predictor.settings import Precision, Scoring, Settings
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.text.template import read_template
from retrieval_predictor.wire import processes
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.ragged import joined
from retrieval_predictor.wire.work import Batch, Encoded, Floats, Part, Reference

log = structlog.get_logger(__name__)

_LOADS = ((1, 12), (8, 12), (4, 128))
"""Texts and tokens that candidates are timed at: a lone query, a few, and documents."""

_REPEATS, _BUDGET_S = 7, 1.5
"""Runs of one load, fewer where they take longer together than the budget."""

MOST_LOSS = 1.1
"""A graph serves where it takes at most this much longer: it takes half a gigabyte less."""


def main() -> int:
    """Leave a verdict in the folder; returns the exit status."""
    settings, folder, scratch = Settings(), Path(sys.argv[1]), Path(sys.argv[2])
    configure_logging(settings.log_format, settings.log_level)
    processes.die_with_parent()
    torch.set_num_threads(int(sys.argv[3]))
    try:
        write(folder, prepare(settings, folder, scratch, cores=int(sys.argv[3])))
    except StartupError as error:
        (folder / REFUSAL).write_text(str(error), encoding="utf-8")
    return 0


def prepare(settings: Settings, folder: Path, scratch: Path, cores: int) -> Prepared:
    """Compare both candidates, and leave the model as a graph if that is what serves.

    Raises:
        StartupError: The model cannot be served at all.
    """
    source = open_source(settings, scratch)
    if (reason := _no_graph(source)) is not None:
        return Prepared(None, is_graph=False, reason=reason)
    loaded = load_source(source)
    probe = make_probe(loaded.card.vocabulary_size, loaded.card.max_input_tokens)
    wanted, torch_s = joined(loaded.runner.run(probe)), _seconds(loaded.runner, loaded.card)
    card = loaded.card
    del loaded
    gc.collect()
    try:
        prepared, graph = graph_of(source, card, folder, cores)
        error = _error(joined(graph.run(probe)), wanted) / TOLERANCE[dtype_of(card.precision)]
    except Exception as cause:  # noqa: BLE001  (a foreign model may fail in any way)
        log.info("graph_unavailable", cause=type(cause).__name__)
        return Prepared(None, is_graph=False, reason=f"no graph of it: {type(cause).__name__}")
    return _judged(prepared, error, _seconds(graph, card), torch_s)


def graph_of(source: Source, card: ModelCard, folder: Path, cores: int) -> tuple[Prepared, Runner]:
    """The model as a graph in a folder, and open; `card` is what PyTorch's says of itself."""
    _save(source, folder / GRAPH)
    prepared = _prepared(source, card)
    return prepared, open_graph(folder, prepared.card or card, prepared.special_tokens, cores)


def _judged(
    prepared: Prepared, error: float, graph_s: tuple[float, ...], torch_s: tuple[float, ...]
) -> Prepared:
    """The graph where it agrees and does not take longer, taken over all loads."""
    took = float(np.exp(np.mean(np.log(graph_s) - np.log(torch_s))))
    log.info("candidates", of_tolerance=round(error, 3), graph_over_torch=round(took, 2))
    if not error <= 1.0:
        return replace(
            prepared, is_graph=False, reason=f"its graph is off by {error:.2g} x the tolerance"
        )
    if took > MOST_LOSS:
        return replace(prepared, is_graph=False, reason=f"its graph takes {took:.2f} x as long")
    return prepared


def _no_graph(source: Source) -> str | None:
    """Why a model is not tried as a graph; None where it is."""
    if source.reading.scoring is Scoring.YES_NO:
        return "it computes once what texts begin with alike, which rectangles cannot"
    if source.checkpoint.has_own_code and source.settings.model.trust_remote_code:
        return "its own code may look at its input, and a graph knows no branch"
    if source.checkpoint.token_heads:
        return "its tokens have outputs of their own"
    return None


def _prepared(source: Source, card: ModelCard) -> Prepared:
    """The model as a graph, as if it were right and fast."""
    graph_card = replace(
        card, encoder="graph", shares_prefixes=False, is_recorded=False, linears="graph"
    )
    if source.reading.scoring is not Scoring.LATE_INTERACTION:
        return Prepared(graph_card, is_graph=True, reason=None)
    template = read_template(source.reading.tokenizer)
    special = len(template.leading), len(template.trailing)
    return Prepared(graph_card, is_graph=True, reason=None, special_tokens=special)


def _save(source: Source, path: Path) -> None:
    """Convert the weights in fp32: OpenVINO rounds them to what it computes in by itself."""
    settings = source.settings.model_copy(update={"precision": Precision.FP32})
    classifies = is_classifier(source.checkpoint, source.reading.scoring)
    model = read_weights(settings, source.checkpoint, is_classifier=classifies)
    model.config.get_text_config().use_cache = False  # keys and values are for texts to come
    save_graph(_whole(source, model), path, has_types=has_types(model))


def _whole(source: Source, model: nn.Module) -> nn.Module:
    checkpoint, scoring = source.checkpoint, source.reading.scoring
    if is_classifier(checkpoint, scoring):
        require_few_labels(model, checkpoint)
        return Scores(model)
    if scoring is Scoring.LATE_INTERACTION:
        return TokenVectors(model.base_model)
    return Vectors(model.base_model, checkpoint.pooling, dense_of(model, checkpoint))


def _error(got: Floats, wanted: Floats) -> float:
    """The largest error of a row relative to its norm; scores count from 1."""
    norms = np.linalg.norm(wanted, axis=1)
    least = 1.0 if wanted.shape[1] == 1 else 1e-9
    return float((np.linalg.norm(got - wanted, axis=1) / np.maximum(norms, least)).max())


def _seconds(runner: Runner, card: ModelCard) -> tuple[float, ...]:
    """The least CPU time of each load on one thread, which a busy neighbour cannot lengthen."""
    return tuple(_least_s(runner, _texts(card, *load)) for load in _LOADS)


def _least_s(runner: Runner, batch: Batch) -> float:
    times: list[float] = []
    while len(times) < 2 or (len(times) < _REPEATS and sum(times) < _BUDGET_S):
        started_s = time.process_time()
        runner.run(batch)
        times.append(time.process_time() - started_s)
    return min(times[1:])


def _texts(card: ModelCard, rows: int, tokens: int) -> Batch:
    tokens = min(tokens, card.max_input_tokens)
    generator = np.random.default_rng(rows)
    ids = generator.integers(0, card.vocabulary_size, rows * tokens, dtype=np.int32)
    lengths = np.full(rows, tokens, dtype=np.int32)
    query = Encoded(ids[:tokens], lengths[:1], lengths[:1])
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference(query)),))


if __name__ == "__main__":
    sys.exit(main())
