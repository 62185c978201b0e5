"""A node that runs pods, an installed operator, and a served quickstart, for all of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cluster import nodes
from tests.cluster.agent import launch
from tests.cluster.agent.samples import IMAGES
from tests.cluster.api import NODE, is_ready
from tests.cluster.lab import Lab
from tests.cluster.process import Server
from tests.cluster.terminal import Terminal
from tests.support.documented import commands

GPUS = 2
Start = Callable[[str], Server]


@pytest.fixture(scope="package")
def start_node(lab: Lab) -> Iterator[Start]:
    """Start the agent of a node with this name, with two GPUs that are none; Services work."""
    if reason := launch.obstacle():
        pytest.skip(reason)
    proxy = Server(launch.service_proxy(lab.site), lab.folder)
    agents: dict[str, Server] = {}

    def start(name: str) -> Server:
        shape = nodes.Shape(devices={nodes.GPU: GPUS}, cores=16, memory="32Gi")
        document = nodes.node(name, shape)
        document["metadata"]["annotations"] = {}
        document["spec"]["taints"] = []
        agents[name] = Server(launch.node_agent(lab.site, document, IMAGES), lab.folder)
        agents[name].begin()
        agents[name].wait_ready()
        lab.api.wait_for(NODE, name, is_ready)
        return agents[name]

    try:
        proxy.begin()
        proxy.wait_ready()
        yield start
    finally:
        for name, agent in agents.items():
            lab.api.delete(NODE, name)
            agent.stop()
        proxy.stop()


@pytest.fixture(scope="package")
def node(start_node: Start) -> Server:
    """The agent of the node on which everything runs."""
    return start_node("runs-pods")


@pytest.fixture(scope="package")
def terminal(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """An administrator's terminal."""
    return Terminal(lab, tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="package")
def installed(node: Server, terminal: Terminal) -> Iterator[None]:  # noqa: ARG001 - it has to run
    """Our chart, installed as docs/install.md says; the operator's pod is ready."""
    install, test, *_ = commands("install.md", "Install")
    terminal.run(f"{install} --take-ownership")  # the lab has the definition already
    terminal.run(test)
    yield
    terminal.run("helm uninstall retrieval-operator --namespace retrieval-system")
