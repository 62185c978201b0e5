"""Two clusters for all tests of this folder.

`plane`, with `api`, is an API server that serves RetrievalServices and where nothing acts on them.
`lab` has KServe, the controllers of Kubernetes, kwok's nodes and the operator too; each test has a
namespace and nodes of its own there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.cluster import lab as labs
from tests.cluster.api import INFERENCE_SERVICE, NAMESPACE, NODE, RETRIEVAL_SERVICE, Api
from tests.cluster.faults import FaultyApi, faulty_api
from tests.cluster.lab import Lab
from tests.cluster.nodes import Shape, node, takes_pods
from tests.cluster.operated import Operated

_HERE = Path(__file__).parent
_LIMIT_S = 300
_FOLDERS = pytest.StashKey[list[Path]]()
_NUMBERS = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests; their limit leaves out fixtures, because a first build takes minutes."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(_LIMIT_S, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failing test name the folders that have the servers' logs."""
    report = yield
    if report.failed and _HERE in item.path.parents:
        folders = item.config.stash.get(_FOLDERS, [])
        report.sections.append(("logs of the cluster", "\n".join(map(str, folders))))
    return report


@pytest.fixture(scope="session")
def folder(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[str], Path]:
    """Make a folder for the logs of a cluster, which failing tests name."""
    made = pytestconfig.stash.setdefault(_FOLDERS, [])

    def make(name: str) -> Path:
        made.append(tmp_path_factory.mktemp(name))
        return made[-1]

    return make


@pytest.fixture(scope="session")
def plane(folder: Callable[[str], Path]) -> Iterator[Lab]:
    """A running etcd and kube-apiserver with our CustomResourceDefinition."""
    with labs.lab(folder("plane")) as running:
        yield running


@pytest.fixture(scope="session")
def api(plane: Lab) -> Api:
    """The administrator's client of that API server."""
    return plane.api


@pytest.fixture(scope="session")
def lab(folder: Callable[[str], Path]) -> Iterator[Lab]:
    """A cluster with everything that makes an InferenceService ready."""
    with labs.lab(folder("lab")) as running:
        running.run()
        yield running


@pytest.fixture(scope="session")
def proxy(lab: Lab) -> Iterator[FaultyApi]:
    """What stands between the operator and the API server; heal it after use."""
    with faulty_api(lab.site) as between:
        yield between


@pytest.fixture(scope="session")
def operator(lab: Lab, proxy: FaultyApi) -> Iterator[Operated]:
    """A running operator that leads; it serves the whole cluster."""
    running = Operated(
        lab,
        server=proxy.url,
        node_debounce_seconds="0.5",
        api_timeout_seconds="5",
        stall_seconds="30",
        prometheus_url="http://prometheus.example",
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def faults(proxy: FaultyApi, operator: Operated) -> Iterator[FaultyApi]:
    """The proxy of the running operator, healed afterwards."""
    yield proxy
    proxy.heal()
    operator.start()


@pytest.fixture
def took(request: pytest.FixtureRequest) -> Callable[..., float]:
    """Record the seconds since the last call, or since the test began, or any other figure."""
    since_s = time.monotonic()

    def record(what: str, figure: float | None = None) -> float:
        nonlocal since_s
        began_s, since_s = since_s, time.monotonic()
        seen = since_s - began_s if figure is None else figure
        request.node.user_properties.append((what, round(seen, 2)))
        return seen

    return record


@pytest.fixture
def namespace(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, named after it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.removeprefix("test_").lower())
    name = f"{words[:32].strip('-')}-{next(_NUMBERS)}"
    lab.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    for kind in (RETRIEVAL_SERVICE, INFERENCE_SERVICE):
        for one in lab.api.list(kind, name):
            lab.api.delete(kind, one["metadata"]["name"], name)
    lab.api.delete(NAMESPACE, name)  # it takes seconds, and nobody has to wait


@pytest.fixture
def nodes(lab: Lab, namespace: str) -> Iterator[Callable[..., tuple[str, ...]]]:
    """Make nodes of these shapes for pods with `placement(namespace)`; gives their names."""
    made: list[str] = []

    def make(*shapes: Shape, end: str = "") -> tuple[str, ...]:
        # never a name again: a pod that outlives its node would be counted to the next of that name
        names = tuple(f"{namespace}-{next(_NUMBERS)}{end}" for _ in shapes)
        for name, shape in zip(names, shapes, strict=True):
            lab.api.create(node(name, shape, namespace))
            made.append(name)
        for name in names:
            lab.api.wait_for(NODE, name, takes_pods)
        return names

    yield make
    for name in made:
        lab.api.delete(NODE, name)


@pytest.fixture
def faulty(lab: Lab) -> Iterator[FaultyApi]:
    """A proxy in front of the API server that can be told to misbehave."""
    with faulty_api(lab.site) as proxy:
        yield proxy
