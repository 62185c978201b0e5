"""The table of docs/sizing.md: bursts that home-made services held, modelled, and planned here."""

from __future__ import annotations

from pathlib import Path

from retrieval_operator.inventory import Inventory, Origin, product_node
from retrieval_operator.plan import Ask, GpuAsk, Plan, plan
from retrieval_operator.spec.choices import ComponentName, Precision
from tests.support.field import QUERY, READINGS, RERANK, RTX_3090, RTX_4090, Call
from tests.support.planning import facts

PAGE = Path(__file__).parents[2] / "docs" / "sizing.md"
BEGIN, END = "<!-- field readings: begin -->\n", "<!-- field readings: end -->\n"
_KINDS = ((QUERY, "queries", ComponentName.EMBEDDER), (RERANK, "pairs", ComponentName.RERANKER))


def table() -> str:
    """One row a card and kind of request."""
    lines = [
        "| | 1 to 4 home-made workers held | their pattern modelled | planned here, fp32 | fp16 |",
        "|---|---|---|---|---|",
        *(
            _row(product, call, words, component)
            for product in (RTX_4090, RTX_3090)
            for call, words, component in _KINDS
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(product: str, call: Call, words: str, component: ComponentName) -> str:
    found = [one for one in READINGS if one.product == product and one.calls == (call,)]
    cells = (
        ", ".join(str(one.held) for one in found),
        ", ".join(str(round(one.modelled)) for one in found),
        f"{planned_burst(product, call, component, Precision.FP32):,}",
        f"{planned_burst(product, call, component, Precision.AUTO):,}",
    )
    return f"| {product.removeprefix('NVIDIA-GeForce-')}, {words} | {' | '.join(cells)} |"


def planned_burst(product: str, call: Call, component: ComponentName, precision: Precision) -> int:
    """The largest burst of one pod of ours on this card."""
    ask = Ask(component, f"hf://{call.model}", gpu=GpuAsk(), precision=precision)
    answer = plan(ask, facts(call.model), Inventory((product_node(product),), Origin.PRODUCT))
    assert isinstance(answer, Plan), answer
    return answer.estimate.burst_texts


def updated(page: str) -> str:
    """The page with the table that is right now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"
