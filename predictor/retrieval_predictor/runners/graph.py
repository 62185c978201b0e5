"""OpenVINO computes the texts of a batch in rectangles, on the cores of a CPU."""

from __future__ import annotations

from pathlib import Path
from threading import local
from typing import Any

import numpy as np

from retrieval_predictor.errors import OutOfDeviceMemory
from retrieval_predictor.runners.groups import Group, Rectangle, Texts, groups_of
from retrieval_predictor.runners.interaction import Interaction
from retrieval_predictor.runners.shortage import is_shortage
from retrieval_predictor.runners.silent import openvino
from retrieval_predictor.wire.work import Batch, Floats

_HINTS = {"fp32": "f32", "bf16": "bf16"}

KEPT_SHAPES = 64
"""Shapes whose kernels a graph keeps ready; the least used go. OpenVINO's own bound is 5000
(CPU_RUNTIME_CACHE_CAPACITY), under which a server of mixed lengths grows for hours."""

SECOND_COPY_BYTES = 256 << 20
"""Constants up to this are laid out twice: for one batch on all cores, and for a batch a core."""


class GraphRunner:
    """A converted model; threads may call `run` at a time, up to `streams` of them.

    A batch that has the CPU for itself is computed by all its cores, and batches side by side by
    one each. `interaction` makes scores of the token vectors that a graph may give.
    """

    tokens_per_thread = 1

    def __init__(
        self,
        graph: Path,
        precision: str,
        streams: int,
        widest: int,
        interaction: Interaction | None = None,
    ) -> None:
        self.precision = precision
        self._widest = widest
        self._interaction = interaction
        core = openvino.Core()
        model = core.read_model(graph)
        self._side_by_side = _compiled(core, model, precision, streams, streams)
        fits_twice = streams > 1 and graph.with_suffix(".bin").stat().st_size <= SECOND_COPY_BYTES
        self._alone = (
            _compiled(core, model, precision, streams, 1) if fits_twice else self._side_by_side
        )
        self._inputs = tuple(one.get_any_name() for one in model.inputs)
        self._requests = local()

    def run(self, batch: Batch, threads: int = 1) -> Floats:
        """See `Runner.run`."""
        try:
            return self._computed(batch, is_alone=threads > 1)
        except Exception as error:
            if not is_shortage(error):
                raise
        raise OutOfDeviceMemory

    def _computed(self, batch: Batch, *, is_alone: bool) -> Floats:
        texts = Texts.of(batch)
        answers = [
            (group, self._infer(texts.rectangle(group), is_alone=is_alone))
            for group in groups_of(texts.lengths, self._widest)
        ]
        if self._interaction is None:
            return _rows(answers, texts.lengths.size)
        return self._interaction.scores(batch, _tokens(answers, texts))

    def _infer(self, rectangle: Rectangle, *, is_alone: bool) -> Floats:
        given = {"ids": rectangle.ids, "mask": rectangle.mask, "types": rectangle.types}
        request = self._request(is_alone=is_alone)
        request.infer({name: given[name] for name in self._inputs}, share_inputs=True)
        computed: Floats = request.get_output_tensor(0).data
        return computed.copy()

    def _request(self, *, is_alone: bool) -> Any:
        """This thread's own place in a graph: requests hold buffers, and take no two batches."""
        name = "alone" if is_alone else "side_by_side"
        if not hasattr(self._requests, name):
            compiled = self._alone if is_alone else self._side_by_side
            setattr(self._requests, name, compiled.create_infer_request())
        return getattr(self._requests, name)


def _compiled(core: Any, model: Any, precision: str, threads: int, streams: int) -> Any:
    """A graph laid out for this CPU; see OpenVINO, "CPU Device", "Supported Properties"."""
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": KEPT_SHAPES,
    }
    return core.compile_model(model, "CPU", settings)


def _rows(answers: list[tuple[Group, Floats]], count: int) -> Floats:
    """Rows of rectangles in the order of the batch: (N, width)."""
    rows = np.empty((count, answers[0][1].shape[1]), dtype=np.float32)
    for group, computed in answers:
        rows[group.texts] = computed
    return rows


def _tokens(answers: list[tuple[Group, Floats]], texts: Texts) -> list[Floats]:
    """The real tokens' vectors of each text in the order of the batch: N of (L, H)."""
    found: dict[int, Floats] = {}
    for group, computed in answers:
        for text, vectors in zip(group.texts.tolist(), computed, strict=True):
            found[text] = vectors[: int(texts.lengths[text])]
    return [found[text] for text in range(texts.lengths.size)]
