"""What people measured on home-made services, and the pattern of those services as a model.

Each of `workers` processes holds a copy of the model in fp32 and computes one request at a time.
A request costs its process Python (HTTP, JSON, and starting the kernels of each layer), then the
card a forward pass; the card computes for one process at a time.

Readings: bge-large-zh-v1.5 and bge-reranker-base under FastAPI; n requests are sent within one
second, and the largest n of which 90 % are answered within three is reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval_operator.devices import PRODUCTS
from retrieval_operator.plan.aim import BURST_QUANTILE, BURST_S
from retrieval_operator.plan.cost import gpu_speed
from retrieval_operator.spec.choices import Precision
from tests.support.planning import BGE_LARGE, facts

RERANKER = "BAAI/bge-reranker-base"
RTX_4090 = "NVIDIA-GeForce-RTX-4090"
RTX_3090 = "NVIDIA-GeForce-RTX-3090"

PYTHON_REQUEST_S = 3e-3
PYTHON_LAYER_S = 0.65e-3
"""Fitted to two of the readings, one worker on the 4090: 130 queries through 24 layers and 220
pairs through 12. The other 26 are predicted."""
DOCUMENT_TOKENS = 3000
"""Tokens of a request to embed documents, of which the report says only that they decide the cost:
fitted to 55 requests, where two workers fill the 4090."""
QUERY_TOKENS, PAIR_TOKENS = 16, 128


@dataclass(frozen=True)
class Call:
    """One kind of request: through which model, and how many tokens."""

    model: str
    tokens: int

    def card_s(self, product: str) -> float:
        """Seconds of the card, by the planner's own cost model."""
        speed = gpu_speed(PRODUCTS[product], facts(self.model), Precision.FP32, self.text_tokens)
        return speed.seconds(self.tokens)

    @property
    def text_tokens(self) -> int:
        """Tokens that attend to one another: chunks of documents are short."""
        return min(self.tokens, 512)

    @property
    def python_s(self) -> float:
        """Seconds of the process that are not the card's."""
        return PYTHON_REQUEST_S + PYTHON_LAYER_S * facts(self.model).dims.layers


QUERY = Call(BGE_LARGE, QUERY_TOKENS)
DOCUMENTS = Call(BGE_LARGE, DOCUMENT_TOKENS)
RERANK = Call(RERANKER, PAIR_TOKENS)


@dataclass(frozen=True)
class Reading:
    """A burst that was held: by how many workers, of which calls at once, on which card."""

    row: str
    product: str
    calls: tuple[Call, ...]
    workers: int
    held: int

    def __str__(self) -> str:
        return self.row

    @property
    def modelled(self) -> float:
        """The burst that the pattern holds."""
        card_s = sum(call.card_s(self.product) for call in self.calls)
        python_s = sum(call.python_s for call in self.calls)
        rate = min(self.workers / (python_s + card_s), 1 / card_s)
        return rate * BURST_S / BURST_QUANTILE


def _readings(first: int, product: str, calls: tuple[Call, ...], *held: int) -> list[Reading]:
    return [
        Reading(f"A-{first + index}", product, calls, index + 1, number)
        for index, number in enumerate(held)
    ]


READINGS = (
    *(
        Reading(f"A-{row}", RTX_4090, (call,), workers, held)
        for row, call, workers, held in (
            (42, QUERY, 1, 130),
            (43, DOCUMENTS, 1, 50),
            (44, QUERY, 2, 250),
            (45, DOCUMENTS, 2, 55),
            (46, QUERY, 3, 370),
            (47, DOCUMENTS, 3, 50),
            (48, QUERY, 4, 500),
        )
    ),
    *_readings(49, RTX_4090, (RERANK,), 220, 450, 590, 700),
    *_readings(54, RTX_4090, (QUERY, RERANK), 100, 180, 280),
    *(
        Reading(f"A-{row}", RTX_3090, (call,), workers, held)
        for row, call, workers, held in (
            (57, QUERY, 1, 100),
            (58, DOCUMENTS, 1, 30),
            (59, QUERY, 2, 200),
            (60, DOCUMENTS, 2, 35),
            (61, QUERY, 3, 280),
            (62, DOCUMENTS, 3, 30),
            (63, QUERY, 4, 350),
        )
    ),
    *_readings(64, RTX_3090, (RERANK,), 150, 270, 390, 450),
    *_readings(68, RTX_3090, (QUERY, RERANK), 70, 140, 200),
)
"""Every burst of the report."""
