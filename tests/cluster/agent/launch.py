"""Agents as servers of a lab: nodes that run pods, and cluster IPs that lead to them."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.agent import shell
from tests.cluster.agent.node import LOG_PORT
from tests.cluster.process import Command
from tests.cluster.site import Site

_ROOT = Path(__file__).parents[3]
_KUBERNETES = ("10.96.0.1", 443)
"""The first address of the lab's Service range, which is that of the Service `kubernetes`."""


def obstacle() -> str | None:
    """Why this machine cannot run pods, or None."""
    if sys.platform != "linux":
        return "pods run in network namespaces, which only Linux has"
    if os.geteuid() != 0:
        return "pods run in network namespaces, which only root may make"
    try:
        shell.check()
    except shell.ProgramMissing as error:
        return str(error)
    return None


def node_agent(
    site: Site, document: Mapping[str, Any], images: Mapping[str, Mapping[str, Any]]
) -> Command:
    """The node that `document` describes. `images` are as `tests.cluster.agent.images` reads them.

    It has a kubelet's rights, restarts containers after a second and looks at volumes each second.
    """
    name = document["metadata"]["name"]
    user = f"system:node:{name}"
    folder = site.folder / f"agent-{name}"
    folder.mkdir(exist_ok=True)
    (folder / "node.json").write_text(json.dumps(document))
    (folder / "images.json").write_text(json.dumps(images))
    access = site.kubeconfig(user, site.authority.client(user, ["system:nodes"]))
    options = {
        "kubeconfig": access,
        "node": folder / "node.json",
        "images": folder / "images.json",
        "folder": folder,
        "certificate": site.server.certificate,
        "key": site.server.key,
        "backoff-s": 1,
        "sync-s": 1,
    }
    return Command(
        name=f"agent-{name}",
        program=Path(sys.executable),
        arguments=(
            *("-m", "tests.cluster.agent"),
            *(f"--{option}={value}" for option, value in options.items()),
        ),
        is_ready=lambda: _has_address(folder / "ready"),
        environment={"PYTHONPATH": str(_ROOT)},
    )


def service_proxy(site: Site) -> Command:
    """The cluster IPs of all Services."""
    user = "system:kube-proxy"
    return Command(
        name="service-proxy",
        program=Path(sys.executable),
        arguments=("-m", "tests.cluster.agent.services", f"--kubeconfig={site.kubeconfig(user)}"),
        is_ready=lambda: _accepts(_KUBERNETES),
        environment={"PYTHONPATH": str(_ROOT)},
    )


def _has_address(file: Path) -> bool:
    return file.exists() and _accepts((file.read_text(), LOG_PORT))


def _accepts(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=1).close()
    except OSError:
        return False
    return True
