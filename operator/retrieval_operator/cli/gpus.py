"""`retrieval gpus`: the GPUs that plans know, with what they can do."""

from __future__ import annotations

import argparse

from retrieval_operator.cli.listing import Column, add_output, show
from retrieval_operator.devices import OLDEST, PRODUCTS, Device
from retrieval_operator.plan.sizes import GIB
from retrieval_operator.products import slices_of


def _note(device: Device) -> str:
    return "too old for the predictor's PyTorch" if device.capability < OLDEST else ""


_COLUMNS = (
    Column("product", lambda one: one.product),
    Column("memory Gi", lambda one: round(one.memory_bytes / GIB, 1)),
    Column("half TFLOPS", lambda one: one.half_tflops),
    Column("GB/s", lambda one: one.bandwidth_gb_s),
    Column("capability", lambda one: ".".join(map(str, one.capability))),
    Column("bf16", lambda one: "yes" if one.has_bf16 else "no"),
    Column("MIG slices", lambda one: " ".join(slices_of(one.product) or ())),
    Column("note", _note),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line for each product."""
    show(PRODUCTS.values(), _COLUMNS, args.output)
    return 0
