"""The store gives a pass what belongs to its service, and never goes back in time."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.world import (
    CHILDREN,
    DEPLOYMENT,
    NODE,
    POD,
    SERVICE,
    Key,
    Store,
    kind_of,
    owner_of,
)
from tests.support.operating import KEY, deployment, gpu_node, pod, service


def versioned(document, number: int):
    metadata = {**document["metadata"], "resourceVersion": str(number)}
    return {**document, "metadata": metadata}


def test_children_are_found_by_the_labels_of_their_service():
    store = Store()
    store.put(POD, pod("a"))
    store.put(POD, pod("b"))
    other = pod("c")
    other["metadata"]["labels"] = {"app.kubernetes.io/instance": "docs"}  # not managed by us
    store.put(POD, other)
    assert [one["metadata"]["name"] for one in store.owned(POD, KEY)] == ["a", "b"]
    assert store.owned(POD, Key("elsewhere", "docs")) == ()


def test_a_node_belongs_to_no_service():
    assert owner_of(NODE, gpu_node()) is None
    assert owner_of(SERVICE, service()) == KEY


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_the_newest_version_stays_whatever_order_events_come_in(numbers):
    store = Store()
    for number in numbers:
        store.put(DEPLOYMENT, versioned(deployment(), number))
    (found,) = store.owned(DEPLOYMENT, KEY)
    assert found["metadata"]["resourceVersion"] == str(max(numbers))


def test_versions_are_numbers_and_not_texts():
    store = Store()
    store.put(DEPLOYMENT, versioned(deployment(), 10))
    assert not store.put(DEPLOYMENT, versioned(deployment(), 9))


def test_an_object_that_took_the_name_of_a_deleted_one_is_not_deleted_with_it():
    store = Store()
    old, new = pod("a"), pod("a")
    new["metadata"]["uid"] = "another"
    store.put(POD, old)
    store.put(POD, new)
    store.drop(POD, old)
    assert [one["metadata"]["uid"] for one in store.owned(POD, KEY)] == ["another"]


def test_an_object_whose_labels_were_taken_away_is_no_longer_found():
    store = Store()
    store.put(POD, pod("a"))
    bare = pod("a")
    bare["metadata"]["labels"] = {}
    store.put(POD, bare)
    assert store.owned(POD, KEY) == ()


def test_nodes_are_the_same_tuple_until_one_of_them_says_something_new():
    store = Store()
    store.put(NODE, versioned(gpu_node("a"), 1))
    store.put(NODE, versioned(gpu_node("b"), 1))
    before = store.nodes()
    heartbeat = versioned(gpu_node("a"), 2)
    heartbeat["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert store.put(NODE, heartbeat)
    assert store.nodes() is before
    grown = versioned(gpu_node("a"), 3)
    grown["status"]["allocatable"] = {"cpu": "64"}
    store.put(NODE, grown)
    assert [node.name for node in store.nodes()] == ["a", "b"]
    assert store.nodes()[0].millicores == 57_600  # a tenth is left for DaemonSets
    assert store.nodes()[1] is before[1]


def test_a_node_that_cannot_be_read_hides_no_other():
    store = Store()
    broken = gpu_node("broken")
    broken["status"]["allocatable"]["cpu"] = "many"
    store.put(NODE, broken)
    store.put(NODE, gpu_node("b"))
    assert [node.name for node in store.nodes()] == ["b"]


def test_every_kind_that_can_be_rendered_has_a_path():
    for kind in CHILDREN:
        document = {"apiVersion": kind.api_version, "kind": kind.name}
        assert kind_of(document) == kind
        assert kind.path("search", "docs").endswith(f"/namespaces/search/{kind.plural}/docs")
    assert NODE.path("", "gpu-1") == "/api/v1/nodes/gpu-1"
