"""kwok plays the kubelets: nodes become ready, and pods on them run at once.

Stages are those of the pinned release, with one change: a pod with the annotation `HOLD`, or on a
node whose name ends in `-held`, stays as the scheduler left it until the annotation says "false".
After a pod became ready kwok leaves it alone, so that tests can write its status.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster import tools
from tests.cluster.process import Command, answers
from tests.cluster.site import HOST, Site

HOLD: Final = "retrieval.test/hold"
"""Pod annotation: "true" keeps a pod from starting, "false" lets it."""
HELD_NODE: Final = "-held"
"""End of the name of nodes that start no pod by themselves."""
MANAGED: Final = {"kwok.x-k8s.io/node": "fake"}
"""Node annotation of the nodes that kwok plays."""
_STAGES: Final = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
_IS_HELD: Final = (
    f'.metadata.annotations["{HOLD}"]'
    f' // (.spec.nodeName // "" | endswith("{HELD_NODE}") | tostring)'
)
_LEASE_S: Final = 40
"""Without a lease the controller manager calls a node unreachable after 50 s."""


def kwok(site: Site, kubeconfig: Path) -> Command:
    """kwok for the nodes that carry `MANAGED`."""
    stages = site.folder / "kwok.yaml"
    stages.write_text(yaml.safe_dump_all(_stages()))
    return Command(
        name="kwok",
        program=tools.ensure("kwok"),
        arguments=(
            f"--kubeconfig={kubeconfig}",
            f"--config={stages}",
            "--manage-nodes-with-annotation-selector="
            + ",".join(f"{key}={value}" for key, value in MANAGED.items()),
            f"--node-lease-duration-seconds={_LEASE_S}",
            "--cidr=10.245.0.0/16",
            f"--node-ip={HOST}",
            f"--server-address={site.address('kwok')}",
        ),
        is_ready=lambda: answers(f"http://{site.address('kwok')}/healthz"),
        environment={"HOME": str(site.folder)},  # no configuration of the user's is read
    )


def _stages() -> Iterator[dict[str, Any]]:
    folder = tools.made(tools.KWOK_STAGES)
    for name in _STAGES:
        stage = yaml.safe_load((folder / name).read_text())
        if stage["metadata"]["name"] == "pod-ready":
            held = {"key": _IS_HELD, "operator": "NotIn", "values": ["true"]}
            stage["spec"]["selector"]["matchExpressions"].append(held)
        yield stage
