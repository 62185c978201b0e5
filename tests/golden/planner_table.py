"""The table of plans in docs/planner.md: models by GPUs, computed."""

from __future__ import annotations

from pathlib import Path

from retrieval_operator.facts import facts_of
from retrieval_operator.inventory import Inventory, Origin, product_node
from retrieval_operator.plan import Ask, GpuAsk, Plan, plan
from retrieval_operator.spec.choices import ComponentName

PAGE = Path(__file__).parents[2] / "docs" / "planner.md"
BEGIN, END = "<!-- table of plans: begin -->\n", "<!-- table of plans: end -->\n"
MODELS = (
    "BAAI/bge-large-zh-v1.5",
    "BAAI/bge-reranker-base",
    "BAAI/bge-m3",
    "Qwen/Qwen3-Embedding-0.6B",
    "Qwen/Qwen3-Embedding-4B",
    "Qwen/Qwen3-Embedding-8B",
    "Qwen/Qwen3-Reranker-0.6B",
)
PRODUCTS = (
    "Tesla-T4",
    "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb",
    "NVIDIA-L4",
    "NVIDIA-GeForce-RTX-3090",
    "NVIDIA-GeForce-RTX-4090",
    "NVIDIA-A100-SXM4-80GB",
    "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-H200",
)
GIB = 2**30


def table() -> str:
    """One Markdown row a GPU, one column a model."""
    header = "| | " + " | ".join(name.partition("/")[2] for name in MODELS) + " |"
    ruler = "|---" * (len(MODELS) + 1) + "|"
    rows = (
        f"| {product} | " + " | ".join(cell(name, product) for name in MODELS) + " |"
        for product in PRODUCTS
    )
    return "\n".join([header, ruler, *rows]) + "\n"


def cell(model: str, product: str) -> str:
    """Precision, batch and memory of one plan, or how much is missing."""
    component = ComponentName.RERANKER if "Rerank" in model.title() else ComponentName.EMBEDDER
    ask = Ask(component, f"hf://{model}", gpu=GpuAsk(), allow_pickle=True)
    inventory = Inventory((product_node(product),), Origin.PRODUCT)
    answer = plan(ask, facts_of(ask.uri), inventory)
    if not isinstance(answer, Plan):
        assert answer.budget is not None
        return f"refused, {answer.budget.missing_bytes / GIB:.1f} Gi too little"
    total = answer.device_memory.total_bytes / GIB
    return f"{answer.precision.value.value}, {answer.max_batch_tokens.value}, {total:.1f} Gi"


def updated(page: str) -> str:
    """The page with the table that is right now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"
