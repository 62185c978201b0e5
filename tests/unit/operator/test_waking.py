"""An event wakes the services that it concerns, and no others. Virtual time."""

import asyncio
from typing import Any

import pytest

from retrieval_operator.plan import Plan, draft, plan
from retrieval_operator.render import controller_revision, read_revision
from retrieval_operator.runtime.workqueue import Done, Workqueue
from retrieval_operator.spec import ComponentName, parse
from retrieval_operator.waking import NodeChange, Waker, is_concerned
from retrieval_operator.world import INFERENCE_SERVICE, NODE, POD, REVISION, SERVICE, Key, Store
from retrieval_operator.world.nodes import facts_of
from retrieval_operator.world.slim import kept, trimmed
from tests.support.operating import KEY, gpu_node, inference_service, pod, service
from tests.support.planning import ask, cluster, facts
from tests.support.planning import gpu_node as planned_node

ALLOCATABLE = gpu_node()["status"]["allocatable"]
TAINT = gpu_node()["spec"]["taints"][0]


def merged(document, change):
    """The document with these fields, maps joined."""
    if isinstance(document, dict) and isinstance(change, dict):
        return {**document, **{name: merged(document.get(name), change[name]) for name in change}}
    return change


class Woken:
    """A waker with a queue that records its passes."""

    def __init__(self) -> None:
        self.queue: Workqueue[Key] = Workqueue()
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


@pytest.mark.parametrize(
    "change",
    [
        {"status": {"conditions": [{"type": "Ready"}], "allocatable": ALLOCATABLE}},
        {"spec": {"taints": [TAINT, {"key": "node.kubernetes.io/unschedulable"}]}},
        {"metadata": {"labels": {"feature.node.kubernetes.io/pci-10de.present": "true"}}},
        {"metadata": {"annotations": {"a": "b"}}},
    ],
    ids=["a heartbeat", "a cordon", "a label that no plan reads", "an annotation"],
)
async def test_a_node_that_changes_in_what_no_plan_reads_wakes_nobody(woken, change):
    woken.world.put(SERVICE, service())
    before = kept(NODE, gpu_node())
    woken.waker.event(NODE, before, kept(NODE, merged(gpu_node(), change)))
    assert await woken.after(60) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": {"allocatable": {**ALLOCATABLE, "nvidia.com/gpu": "0"}}},
        {"spec": {"taints": [TAINT, {"key": "mine", "effect": "NoSchedule"}]}},
        {"metadata": {"labels": {"nvidia.com/gpu.memory": "24000"}}},
    ],
    ids=["no device", "a taint", "a label of the device"],
)
async def test_a_node_that_changes_in_what_plans_read_wakes_who_runs_there(woken, change):
    woken.world.put(SERVICE, service())
    before = kept(NODE, gpu_node())
    woken.waker.event(NODE, before, kept(NODE, merged(gpu_node(), change)))
    assert await woken.after(60) == [KEY]


async def test_a_label_wakes_who_selects_nodes_by_it(woken):
    where = {"gpu": {}, "podTemplate": {"nodeSelector": {"pool": "search"}}}
    woken.world.put(SERVICE, service({"embedder": where}))
    after = merged(gpu_node(), {"metadata": {"labels": {"pool": "search"}}})
    woken.waker.event(NODE, kept(NODE, gpu_node()), kept(NODE, after))
    assert await woken.after(60) == [KEY]


async def test_an_object_of_which_only_the_version_changed_wakes_nobody(woken):
    one = pod()
    metadata = {**one["metadata"], "resourceVersion": "999999"}
    woken.waker.event(POD, one, {**one, "metadata": metadata})
    assert await woken.after(60) == []


async def test_a_resync_looks_at_each_service_once_and_not_at_all_at_once():
    queue: Workqueue[Key] = Workqueue()
    chances = iter([0.0, 0.5, 0.9])
    waker = Waker(queue, Store(), 5.0, lambda: next(chances))
    waker.wake_within([Key("a", name) for name in "xyz"], 100.0)
    await asyncio.sleep(1)
    assert (queue.depth, queue.delayed) == (1, 2)
    await asyncio.sleep(100)
    assert (queue.depth, queue.delayed) == (3, 0)


async def test_changes_of_nodes_are_gathered_and_wake_once(woken):
    woken.world.put(SERVICE, service())
    for number in range(10):
        woken.waker.event(NODE, None, kept(NODE, gpu_node(f"gpu-{number}")))
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
    change = NodeChange(frozenset(resources), is_whole=True)
    assert is_concerned(service(spec), change) is wanted


def test_a_stored_plan_is_kept_as_text_and_reads_as_it_did():
    answer = plan(ask(), facts(), cluster(planned_node()))
    assert isinstance(answer, Plan)
    stored = controller_revision(parse(service()), ComponentName.EMBEDDER, draft(answer, "image:1"))
    found = kept(REVISION, stored)
    assert isinstance(found["data"], str)
    assert read_revision(found) == read_revision(stored)


def test_what_nobody_reads_is_not_kept():
    node = gpu_node()
    node["status"]["images"] = [{"names": ["x"] * 100}]
    node["metadata"]["managedFields"] = [{}]
    seen = trimmed(NODE, node)
    assert "images" not in seen["status"]
    assert "managedFields" not in seen["metadata"]
    assert seen["status"]["allocatable"] == node["status"]["allocatable"]
    assert trimmed(POD, pod())["status"] == pod()["status"]


@pytest.mark.parametrize("kind", [NODE, POD, SERVICE])
def test_what_was_trimmed_or_kept_stays_so(kind):
    document = {NODE: gpu_node(), POD: pod(), SERVICE: service()}[kind]
    once = trimmed(kind, document)
    assert trimmed(kind, once) == once
    assert kept(kind, once) == kept(kind, document)
    assert kept(kind, kept(kind, document)) == kept(kind, document)


def test_equal_labels_of_many_nodes_are_one_text():
    first, second = (facts_of(kept(NODE, gpu_node(name))) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    for one, other in zip(first.labels.items(), second.labels.items(), strict=True):
        assert one[0] is other[0]
        assert one[1] is other[1]
