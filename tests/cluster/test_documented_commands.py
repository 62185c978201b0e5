"""Every command of the documentation does what the page says, on nodes that only seem to run pods.

What needs an answering pod is run by tests/cluster/agent instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retrieval_operator.crd import NAME, definition
from tests.cluster import nodes
from tests.cluster.api import DEPLOYMENT, NAMESPACE, NODE, RETRIEVAL_SERVICE, is_ready, until
from tests.cluster.lab import Lab
from tests.cluster.lab import lab as started
from tests.cluster.operated import Operated
from tests.cluster.terminal import Terminal
from tests.support.documented import commands

pytestmark = pytest.mark.usefixtures("cluster")
DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"
SYSTEM = "retrieval-system"
PODS_ANSWER = ("helm test", "docker build")
"""Needs a real pod, and a container runtime."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster of its own with KServe and GPU nodes, and without anything of ours."""
    with started(tmp_path_factory.mktemp("documented")) as running:
        running.run()
        running.api.delete(DEFINITION, NAME)
        running.api.wait_gone(DEFINITION, NAME)
        for number, shape in enumerate((nodes.whole(), nodes.mig_mixed())):
            document = nodes.node(f"open-{number}", shape)
            document["spec"]["taints"] = []
            running.api.create(document)
            running.api.wait_for(NODE, f"open-{number}", is_ready)
        for name in ("search", "shop"):
            running.kubectl("create", "namespace", name)
        yield running


@pytest.fixture(scope="module")
def terminal(cluster: Lab, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """An administrator's terminal."""
    return Terminal(cluster, tmp_path_factory.mktemp("terminal"))


def run_all(terminal: Terminal, page: str, section: str | None = None) -> None:
    """Run the commands of a page in their order."""
    for command in commands(page, section):
        if not command.startswith(PODS_ANSWER):
            terminal.run(command)


@pytest.fixture
def clean(cluster: Lab) -> Iterator[None]:
    """Afterwards nothing of ours is left."""
    yield
    cluster.api.delete(NAMESPACE, SYSTEM)
    cluster.api.delete(DEFINITION, NAME)
    cluster.api.wait_gone(DEFINITION, NAME)
    cluster.api.wait_gone(NAMESPACE, SYSTEM, limit_s=180)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("way", range(3), ids=["helm", "manifest", "two-namespaces"])
def test_each_way_to_install_makes_an_operator(cluster: Lab, terminal: Terminal, way: int):
    ways = [one for one in commands("install.md") if not one.startswith(PODS_ANSWER)]
    assert len(ways) == 3
    terminal.run(ways[way])
    assert cluster.api.get(DEPLOYMENT, "retrieval-operator", SYSTEM)
    assert cluster.api.get(DEFINITION, NAME)
    if ways[way].startswith("helm"):
        terminal.run(f"helm uninstall retrieval-operator --namespace {SYSTEM}")
    else:
        terminal.run("kubectl delete --wait=false --filename manifests/install.yaml")


@pytest.mark.usefixtures("clean")
def test_a_release_is_upgraded_rolled_back_and_removed(cluster: Lab, terminal: Terminal):
    install, *_ = (one for one in commands("install.md") if one.startswith("helm install"))
    terminal.run(install)
    for section in ("Upgrade", "Roll back", "Remove"):
        run_all(terminal, "upgrade.md", section)
    assert cluster.api.find(DEPLOYMENT, "retrieval-operator", SYSTEM) is None
    assert cluster.api.find(DEFINITION, NAME) is None


@pytest.fixture(scope="module")
def operator(cluster: Lab) -> Iterator[None]:
    """Our definition, and an operator that leads."""
    cluster.api.apply(definition())
    until(lambda: cluster.api.serves(RETRIEVAL_SERVICE), "our kind is served")
    running = Operated(cluster, "documented")
    running.start()
    yield
    running.stop()


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    "page", ["sharing-a-gpu.md", "sizing.md", "troubleshooting.md", "migrate.md"]
)
def test_the_commands_of_a_page_work(terminal: Terminal, page: str):
    assert commands(page)
    run_all(terminal, page)
