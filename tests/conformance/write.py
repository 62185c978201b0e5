"""Write docs/conformance.md from the tables of points that the tests hold a predictor to.

python -m tests.conformance.write [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from retrieval_operator.generate import main
from tests.conformance import grpc, rest
from tests.conformance.point import Point

HEAD = """# The Open Inference Protocol, point by point

What the predictor is asked and what it answers; `tests/serving/test_conformance.py` sends every
row of these tables to a running one. The protocol is KServe's Open Inference Protocol (V2), REST
and gRPC, with Triton's binary tensor data extension. `python -m tests.conformance.write` writes
this page.

Where the protocol leaves a choice:

- One predictor serves one model, without versions. A request that names a version gets 404, and no
  answer has a `model_version`.
- Tensors in are texts, so BYTES; every other datatype is refused with its name.
- `platform` is empty: the protocol's list has no name for transformers on torch.
- Every answer has an `id`, the request's or a new one.
- `grpc.health.v1` and server reflection are on the same port as inference.
- KServe's extension to load and unload models is not served.
"""


def page() -> str:
    """The whole page."""
    rows_rest = [(p.part, p.says, _rest(p)) for p in rest.POINTS]
    rows_grpc = [(p.part, p.says, f"`{p.method}`: {p.status.name}") for p in grpc.POINTS]
    sections = [HEAD, "## REST\n", *_table(rows_rest), "\n## gRPC\n", *_table(rows_grpc)]
    return "\n".join(sections) + "\n"


def _rest(point: Point) -> str:
    path = point.path.replace("/v2/models/", "…/") if point.body is not None else point.path
    return f"`{point.method} {path}`: {point.status} {HTTPStatus(point.status).phrase}"


def _table(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield "| part | point | request and status |"
    yield "|---|---|---|"
    for before, (part, says, outcome) in zip([("", "", ""), *rows], rows, strict=False):
        yield f"| {part if part != before[0] else ''} | {says} | {outcome} |"


if __name__ == "__main__":
    sys.exit(main({"docs/conformance.md": page}))
