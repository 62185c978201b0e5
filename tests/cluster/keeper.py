"""Holds a cluster for people until SIGTERM: `python -m tests.cluster.keeper FOLDER KSERVE [NODE…]`.

`python -m tests.cluster up` starts it in the background; its death ends every server.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import yaml

from retrieval_operator.crd import definition
from tests.cluster import tools
from tests.cluster.api import NODE, Document, is_ready
from tests.cluster.kserve import Schemas
from tests.cluster.lab import Lab, lab
from tests.cluster.nodes import SHAPES, node
from tests.cluster.operated import INSTALL, NAMESPACE, Operated, grant


def main(folder: Path, kserve: str, kinds: Sequence[str]) -> None:
    """Bring a cluster up, write `ready.json`, and stay."""
    for name in tools.PROGRAMS:
        tools.ensure(name)
    started_s = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with lab(folder) as running:
        running.run(None if kserve == "none" else cast("Schemas", kserve))
        names = _add_nodes(running, kinds)
        operator = _operator(running)
        try:
            operator.start()
            _tell(running, operator, names, time.monotonic() - started_s)
            while True:
                signal.pause()
        finally:
            operator.stop()


def _operator(running: Lab) -> Operated:
    """The operator as a process, over objects that `helm install` takes for its own."""
    running.api.apply(adoptable(definition()))
    for document in grant(running, yaml.safe_load_all(INSTALL.read_text())):
        running.api.apply(adoptable(document))
    return Operated(running)


def adoptable(document: Document) -> Document:
    """The object as a release of the chart would own it; without that helm refuses to touch it."""
    metadata = document["metadata"]
    release = {
        "meta.helm.sh/release-name": "retrieval-operator",
        "meta.helm.sh/release-namespace": NAMESPACE,
    }
    owned = {
        **metadata,
        "labels": {**metadata.get("labels", {}), "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {**metadata.get("annotations", {}), **release},
    }
    return {**document, "metadata": owned}


def _add_nodes(running: Lab, kinds: Sequence[str]) -> list[str]:
    names = [f"{kind}-{i}" for i, kind in enumerate(kinds)]
    for name, kind in zip(names, kinds, strict=True):
        running.api.create(node(name, SHAPES[kind]))
    for name in names:
        running.api.wait_for(NODE, name, is_ready)
    return names


def _tell(running: Lab, operator: Operated, nodes: Sequence[str], took_s: float) -> None:
    """Write the state at once, so that nobody reads half of it."""
    state = {
        "keeper": os.getpid(),
        "kubeconfig": str(running.kubeconfig),
        "seconds": round(took_s, 1),
        "servers": running.pids() | {"operator": operator.server.pid},
        "nodes": nodes,
    }
    unfinished = running.folder / "unfinished.json"
    unfinished.write_text(json.dumps(state))
    unfinished.replace(running.folder / "ready.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
