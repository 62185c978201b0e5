"""`retrieval replan NAME`: have the operator decide anew how a service in a cluster runs."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from retrieval_operator.cli import cluster
from retrieval_operator.reconcile.looking import REPLAN_ANNOTATION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    cluster.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and say where the answer will stand."""
    service = cluster.Service(args)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    service.patch({"metadata": {"annotations": {REPLAN_ANNOTATION: now}}})
    sys.stdout.write(
        f"asked at {now}; `retrieval history {service.name} --namespace {service.namespace}` "
        "shows the new plans\n"
    )
    return 0
