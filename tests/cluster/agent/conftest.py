"""A node that runs pods, an installed operator, and a served quickstart, for all of this folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from retrieval_operator.generate import CHECKOUT
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
Step = Callable[[str], AbstractContextManager[None]]
_STEPS = pytest.StashKey[list[tuple[str, float]]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show how long a user would have waited for each step."""
    for what, took_s in config.stash.get(_STEPS, []):
        terminalreporter.write_line(f"{took_s:6.1f} s  {what}")


@pytest.fixture(scope="package")
def step(pytestconfig: pytest.Config) -> Step:
    """Measure a step for the summary of the run."""
    seen = pytestconfig.stash.setdefault(_STEPS, [])

    @contextmanager
    def measured(what: str) -> Iterator[None]:
        began_s = time.monotonic()
        yield
        seen.append((what, time.monotonic() - began_s))

    return measured


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
def node_address(lab: Lab, node: Server) -> str:
    """Where servers of the tests listen for pods of that node."""
    del node  # it has to run
    addresses = lab.api.get(NODE, "runs-pods")["status"]["addresses"]
    return next(str(one["address"]) for one in addresses if one["type"] == "InternalIP")


@pytest.fixture(scope="package")
def terminal(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """An administrator's terminal."""
    return Terminal(lab, tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="package")
def installed(lab: Lab, node: Server, terminal: Terminal, step: Step) -> Iterator[Lab]:
    """The lab with our chart, installed as docs/install.md says; the operator's pod is ready."""
    del node  # it has to run
    if CHECKOUT.is_relative_to("/tmp"):
        pytest.fail(f"pods have a /tmp of their own and would not see {CHECKOUT}: clone elsewhere")
    install, test, *_ = commands("install.md", "Install")
    with step("helm install, until the operator is ready"):
        terminal.run(f"{install} --take-ownership")  # the lab has the definition already
    terminal.run(test)
    yield lab
    terminal.run("helm uninstall retrieval-operator --namespace retrieval-system")
