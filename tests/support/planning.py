"""Builders for planner tests: a test names only what matters to it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval_operator.facts import ModelFacts, facts_of
from retrieval_operator.inventory import Inventory, Node, Origin, product_node
from retrieval_operator.plan import Ask, GpuAsk, Plan, Refusal, plan
from retrieval_operator.spec.choices import ComponentName

GIB = 2**30
BGE_LARGE = "BAAI/bge-large-zh-v1.5"
GPU = GpuAsk()


def ask(model: str = BGE_LARGE, **wishes: Any) -> Ask:
    """An embedder on a GPU, of a model that is trusted, unless the test says otherwise."""
    component = ComponentName.RERANKER if "rerank" in model.lower() else ComponentName.EMBEDDER
    uri = model if "://" in model else f"hf://{model}"
    return Ask(**{"component": component, "uri": uri, "gpu": GPU, "allow_pickle": True, **wishes})


def facts(model: str = BGE_LARGE) -> ModelFacts:
    found = facts_of(f"hf://{model}")
    assert found is not None, model
    return found


def on(*products: str, origin: Origin = Origin.PRODUCT) -> Inventory:
    """An inventory with one node for each product."""
    return Inventory(tuple(product_node(product) for product in products), origin)


def gpu_node(
    memory_mib: int | None = 23034,
    product: str = "Some-GPU",
    capability: str = "8.9",
    count: int = 1,
    labels: Mapping[str, str] | None = None,
) -> Node:
    """A node as GPU Feature Discovery labels it."""
    major, _, minor = capability.partition(".")
    base = {
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.compute.major": major,
        "nvidia.com/gpu.compute.minor": minor,
    }
    memory = {} if memory_mib is None else {"nvidia.com/gpu.memory": str(memory_mib)}
    return Node(name=product, labels={**base, **memory, **(labels or {})})


def cluster(*nodes: Node) -> Inventory:
    return Inventory(nodes, Origin.CLUSTER)


def cpu_node(cores: int = 16, memory_gib: int = 64, features: tuple[str, ...] = ()) -> Node:
    labels = {f"feature.node.kubernetes.io/cpu-cpuid.{name}": "true" for name in features}
    return Node(
        name="cpu",
        labels=labels,
        millicores=cores * 1000,
        memory_bytes=memory_gib * GIB,
        devices={},
    )


def machine(cores: int = 2, memory_gib: int = 16, features: tuple[str, ...] = ()) -> Inventory:
    return Inventory((cpu_node(cores, memory_gib, features),), Origin.MACHINE)


def planned(wish: Ask, inventory: Inventory, known: ModelFacts | None = None) -> Plan:
    answer = plan(wish, known or facts_of(wish.uri), inventory)
    assert isinstance(answer, Plan), answer
    return answer


def refused(wish: Ask, inventory: Inventory, known: ModelFacts | None = None) -> Refusal:
    answer = plan(wish, known or facts_of(wish.uri), inventory)
    assert isinstance(answer, Refusal), answer
    return answer


def term_bytes(answer: Plan, name: str) -> int:
    """One term of the memory that limits the batch."""
    return {term.name: term.bytes for term in answer.device_memory.terms}[name]


def header(tensors: Mapping[str, tuple[str, list[int]]]) -> bytes:
    """The start of a safetensors file that announces these tensors and holds none."""
    document = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for name, (dtype, shape) in tensors.items()
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **document}).encode()
    return struct.pack("<Q", len(text)) + text


def checkpoint(
    folder: Path,
    tensors: Mapping[str, tuple[str, list[int]]] | None = None,
    **config: Any,
) -> Path:
    """A checkpoint folder without weights: config.json and a safetensors header."""
    sizes = {
        "model_type": "bert",
        "vocab_size": 100,
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**sizes, **config}))
    if tensors is not None:
        (folder / "model.safetensors").write_bytes(header(tensors))
    return folder
