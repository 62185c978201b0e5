"""Which devices to plan for: those of a node file, a product by name, or this machine's."""

from __future__ import annotations

import argparse
import re

from retrieval_operator.cli.documents import BadFile, read_documents
from retrieval_operator.inventory.node import Inventory, Node, Origin
from retrieval_operator.inventory.reading import (
    BadInventory,
    described_node,
    nodes_of,
    product_node,
)
from retrieval_operator.machine import this_machine
from retrieval_operator.spec.quantity import Quantity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    devices = parser.add_mutually_exclusive_group()
    devices.add_argument(
        "--node-labels",
        metavar="FILE",
        help="plan for these nodes: output of `kubectl get nodes -o yaml`, or maps of labels",
    )
    devices.add_argument(
        "--gpu",
        metavar="PRODUCT[:COUNT]",
        help="plan for a node with this GPU, such as NVIDIA-L4; `retrieval gpus` lists them; "
        "default: this machine",
    )
    parser.add_argument(
        "--gpu-memory",
        metavar="AMOUNT",
        help="with --gpu: its memory, such as 96Gi, for a product that is not listed",
    )
    parser.add_argument(
        "--gpu-capability",
        metavar="X.Y",
        help="with --gpu-memory: its compute capability, such as 9.0",
    )


def read_inventory(args: argparse.Namespace) -> Inventory:
    """The devices that the arguments name; this machine's where they name none.

    Raises:
        BadFile: The node file cannot be read or holds no nodes.
        BadInventory: The product is not known.
    """
    if args.gpu is not None:
        return Inventory((_gpu_node(args),), Origin.PRODUCT)
    if args.node_labels is None:
        return this_machine()
    documents = [item for item in read_documents(args.node_labels) if item is not None]
    try:
        return Inventory(nodes_of(documents), Origin.FILE)
    except BadInventory as error:
        raise BadFile(args.node_labels, str(error)) from error


def _gpu_node(args: argparse.Namespace) -> Node:
    if args.gpu_memory is None:
        return product_node(args.gpu)
    written = args.gpu_capability
    if written is not None and re.fullmatch(r"[0-9]{1,2}\.[0-9]", written) is None:
        raise BadFile("--gpu-capability", f"{written!r} is not one: write it as 8.9 or 12.0")
    major, _, minor = (written or "").partition(".")
    capability = (int(major), int(minor)) if written else None
    return described_node(args.gpu, Quantity.parse(args.gpu_memory).bytes, capability)
