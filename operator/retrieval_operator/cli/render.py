"""`retrieval render -f FILE`: the manifests that the operator would apply, as YAML."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from retrieval_operator.cli import sources
from retrieval_operator.cli.sources import Planned
from retrieval_operator.cli.view import show
from retrieval_operator.plan.revision import Revision, draft
from retrieval_operator.render.context import KEDA_API, POD_MONITOR_API, Context, default_image
from retrieval_operator.render.manifests import render
from retrieval_operator.render.text import to_yaml
from retrieval_operator.spec.choices import ComponentName


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    sources.add_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        choices=("yaml", "json"),
        default="yaml",
        help="how to print the manifests; json is one List; default: %(default)s",
    )
    parser.add_argument(
        "--image", default=default_image(), help="predictor image; default: %(default)s"
    )
    parser.add_argument(
        "--api-versions",
        action="append",
        default=[],
        metavar="GROUP/VERSION",
        help=f"API the cluster has beyond KServe's, such as {POD_MONITOR_API}; may be repeated",
    )
    parser.add_argument(
        "--prometheus-url",
        metavar="URL",
        help=f"where KEDA ({KEDA_API}) finds Prometheus, such as http://prometheus.monitoring:9090",
    )


def _drafts(planned: sources.Planned, image: str) -> dict[ComponentName, Revision]:
    return {name: draft(plan, image) for name, plan in planned.plans.items()}


def run(args: argparse.Namespace) -> int:
    """Print the manifests; 1, and the reason instead, when a component is refused."""
    planned = sources.read_plans(args)
    if any(one.is_refused for one in planned):
        show(planned, sys.stderr)
        return 1
    context = Context(args.image, frozenset(args.api_versions), args.prometheus_url)
    manifests = [
        _placed(manifest, one)
        for one in planned
        for manifest in render(one.service, _drafts(one, args.image), context)
    ]
    sys.stdout.write(_text(manifests, args.output))
    return 0


def _placed(manifest: dict[str, Any], planned: Planned) -> dict[str, Any]:
    """Without a namespace where nobody named one, so that `kubectl apply -n` may choose it."""
    if planned.has_namespace:
        return manifest
    metadata = {name: one for name, one in manifest["metadata"].items() if name != "namespace"}
    return {**manifest, "metadata": metadata}


def _text(manifests: list[dict[str, Any]], output: str) -> str:
    if output == "yaml":
        return to_yaml(manifests)
    listed: Mapping[str, Any] = {"apiVersion": "v1", "kind": "List", "items": manifests}
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
