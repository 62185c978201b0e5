"""A node that runs pods, for the length of one file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import nodes
from tests.cluster.agent import launch
from tests.cluster.agent.samples import IMAGES
from tests.cluster.api import NODE, is_ready
from tests.cluster.lab import Lab
from tests.cluster.process import Server

GPUS = 2


@pytest.fixture(scope="module")
def node(lab: Lab) -> Iterator[Server]:
    """The agent of the one node that runs pods, with two GPUs that are none; Services work."""
    if reason := launch.obstacle():
        pytest.skip(reason)
    shape = nodes.Shape(devices={nodes.GPU: GPUS}, cores=16, memory="32Gi")
    document = nodes.node("runs-pods", shape)
    document["metadata"]["annotations"] = {}
    document["spec"]["taints"] = []
    agent = Server(launch.node_agent(lab.site, document, IMAGES), lab.folder)
    proxy = Server(launch.service_proxy(lab.site), lab.folder)
    try:
        for server in (proxy, agent):
            server.begin()
        for server in (proxy, agent):
            server.wait_ready()
        lab.api.wait_for(NODE, "runs-pods", is_ready)
        yield agent
    finally:
        lab.api.delete(NODE, "runs-pods")
        agent.stop()
        proxy.stop()
