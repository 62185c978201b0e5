"""What a cluster, a node file or a machine offers, as the planner reads it.

Everything starts as nodes with labels, so that a laptop, `--gpu NVIDIA-L4` and a cluster take the
same path: `nodes_of(documents)`, `product_node(...)` or `machine.this_machine()` give nodes,
`gpu_offers` and `cpu_offers` say what a pod may take of them.
"""

from retrieval_operator.inventory.node import Inventory, Node, Origin, Taint
from retrieval_operator.inventory.offers import (
    CpuOffer,
    GpuOffer,
    Sharing,
    cpu_offers,
    gpu_offers,
)
from retrieval_operator.inventory.reading import BadInventory, nodes_of, product_node

__all__ = [
    "BadInventory",
    "CpuOffer",
    "GpuOffer",
    "Inventory",
    "Node",
    "Origin",
    "Sharing",
    "Taint",
    "cpu_offers",
    "gpu_offers",
    "nodes_of",
    "product_node",
]
