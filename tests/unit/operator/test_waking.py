"""An event wakes the services that it concerns, and no others. Virtual time."""

import asyncio
from typing import Any

import pytest

from retrieval_operator.plan import Plan, draft, plan
from retrieval_operator.queue import Done, Queue
from retrieval_operator.render import controller_revision, read_revision
from retrieval_operator.spec import ComponentName, parse
from retrieval_operator.watch import Waker
from retrieval_operator.watch.slim import slim
from retrieval_operator.watch.waking import is_concerned
from retrieval_operator.world import INFERENCE_SERVICE, NODE, POD, REVISION, SERVICE, Key, Store
from tests.support.operating import KEY, gpu_node, inference_service, pod, service
from tests.support.planning import ask, cluster, facts
from tests.support.planning import gpu_node as planned_node


class Woken:
    """A waker with a queue that records its passes."""

    def __init__(self) -> None:
        self.queue: Queue[Key] = Queue()
        self.world = Store()
        self.waker = Waker(self.queue, self.world, 5.0)
        self.keys: list[Key] = []
        self._task = asyncio.create_task(self.queue.work(self._handle))

    async def _handle(self, key: Key) -> Done:
        self.keys.append(key)
        return Done()

    async def after(self, seconds: float) -> list[Key]:
        await asyncio.sleep(seconds)
        return self.keys

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def woken():
    one = Woken()
    yield one
    await one.stop()


async def test_a_change_of_a_service_wakes_it_at_once(woken):
    woken.waker.event(SERVICE, None, service())
    assert await woken.after(0.01) == [KEY]


async def test_a_burst_of_pod_events_is_one_pass(woken):
    for number in range(20):
        woken.waker.event(POD, None, pod(f"pod-{number}"))
    assert await woken.after(1) == [KEY]


async def test_a_child_without_our_labels_wakes_its_owner(woken):
    bare = inference_service(labels={})
    woken.waker.event(INFERENCE_SERVICE, inference_service(), bare)
    assert await woken.after(1) == [KEY]


async def test_a_node_that_only_reports_itself_wakes_nobody(woken):
    woken.world.put(SERVICE, service())
    before = gpu_node()
    woken.waker.event(NODE, before, {**before, "status": {**before["status"], "x": 1}})
    assert await woken.after(60) == []


async def test_changes_of_nodes_are_gathered_and_wake_once(woken):
    woken.world.put(SERVICE, service())
    for number in range(10):
        woken.waker.event(NODE, None, gpu_node(f"gpu-{number}"))
        await asyncio.sleep(0.4)
    assert woken.keys == []
    assert await woken.after(5) == [KEY]


@pytest.mark.parametrize(
    ("spec", "resources", "wanted"),
    [
        ({"embedder": {"gpu": {}}}, {"nvidia.com/gpu"}, True),
        ({"embedder": {"gpu": {"resource": "nvidia.com/mig-1g.10gb"}}}, {"nvidia.com/gpu"}, False),
        ({"embedder": {"gpu": {}}}, set(), False),
        ({"embedder": {}}, set(), True),
        ({"embedder": {"gpu": {}}, "reranker": {}}, set(), True),
        ({"embedder": {"gpu": "yes"}}, {"nvidia.com/gpu"}, True),
        ({"embedder": {"gpu": {"resource": ["a"]}}}, {"nvidia.com/gpu"}, False),
        ({"embedder": "yes"}, {"nvidia.com/gpu"}, False),
    ],
)
def test_who_a_change_of_nodes_can_matter_to(spec: Any, resources, wanted):
    assert is_concerned(service(spec), resources) is wanted


def test_a_stored_plan_is_kept_as_text_and_reads_as_it_did():
    answer = plan(ask(), facts(), cluster(planned_node()))
    assert isinstance(answer, Plan)
    stored = controller_revision(parse(service()), ComponentName.EMBEDDER, draft(answer, "image:1"))
    kept = slim(REVISION, stored)
    assert isinstance(kept["data"], str)
    assert read_revision(kept) == read_revision(stored)


def test_what_nobody_reads_is_not_kept():
    node = gpu_node()
    node["status"]["images"] = [{"names": ["x"] * 100}]
    node["metadata"]["managedFields"] = [{}]
    kept = slim(NODE, node)
    assert "images" not in kept["status"]
    assert "managedFields" not in kept["metadata"]
    assert kept["status"]["allocatable"] == node["status"]["allocatable"]
    assert slim(POD, pod())["status"] == pod()["status"]
