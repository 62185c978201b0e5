"""A node that joins never restarts healthy pods: the plan is kept while its device exists."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_operator.inventory import Inventory, Node
from retrieval_operator.plan import GpuAsk, Plan, Refusal, digest, replan, status_of
from retrieval_operator.spec import status
from tests.support.planning import ask, cluster, cpu_node, facts, gpu_node

PRODUCTS = (("Tesla-T4", 15360, "7.5"), ("NVIDIA-L4", 23034, "8.9"), ("NVIDIA-A10", 23028, "8.6"))
patient = settings(deadline=None, max_examples=150)


@st.composite
def nodes(draw) -> Node:
    product, memory_mib, capability = draw(st.sampled_from(PRODUCTS))
    count = draw(st.sampled_from([1, 2, 8]))
    shared = draw(st.sampled_from([{}, {}, {"nvidia.com/gpu.replicas": "2"}]))
    node = gpu_node(memory_mib, product, capability, count, shared)
    return replace(
        node,
        millicores=draw(st.sampled_from([None, 4000, 32_000])),
        memory_bytes=draw(st.sampled_from([None, 16 * 2**30, 256 * 2**30])),
        devices=draw(st.sampled_from([None, {"nvidia.com/gpu": count}])),
    )


def again(wish, inventory: Inventory, before: Plan) -> Plan | Refusal:
    """The next pass, which knows the plan from the status alone."""
    written = status_of(before).model_dump_json(by_alias=True, exclude_none=True)
    return replan(wish, facts(), inventory, status.Plan.model_validate_json(written))


@patient
@given(st.lists(nodes(), min_size=1, max_size=4), st.lists(nodes(), max_size=4), st.booleans())
def test_nodes_that_join_never_change_the_digest(there, joining, on_cpu):
    wish = ask(gpu=None) if on_cpu else ask()
    first = replan(wish, facts(), cluster(*there))
    if isinstance(first, Plan):
        second = again(wish, cluster(*there, *joining), first)
        assert isinstance(second, Plan)
        assert digest(second) == digest(first)
        third = again(wish, cluster(*joining, *there), second)
        assert isinstance(third, Plan)
        assert status_of(third) == status_of(second)


@patient
@given(st.lists(nodes(), min_size=2, max_size=5), st.randoms())
def test_the_order_of_nodes_does_not_matter(there, random):
    first = replan(ask(), facts(), cluster(*there))
    random.shuffle(there)
    second = replan(ask(), facts(), cluster(*there))
    assert isinstance(first, Plan) == isinstance(second, Plan)
    if isinstance(first, Plan) and isinstance(second, Plan):
        assert digest(first) == digest(second)


L4, T4, A10 = gpu_node(23034, "NVIDIA-L4"), gpu_node(15360, "Tesla-T4", "7.5"), gpu_node(23028, "A")


def held(before: Inventory, after: Inventory, wish=None) -> tuple[Plan, Plan]:
    first = replan(wish or ask(), facts(), before)
    assert isinstance(first, Plan)
    second = again(wish or ask(), after, first)
    assert isinstance(second, Plan)
    return first, second


@pytest.mark.parametrize("strategy", ["none", "mps", "time-slicing"])
def test_the_status_says_how_the_card_is_shared_in_the_words_of_its_node(strategy: str):
    replicas = "1" if strategy == "none" else "2"
    labels = {"nvidia.com/gpu.replicas": replicas, "nvidia.com/gpu.sharing-strategy": strategy}
    plan = replan(ask(), facts(), cluster(gpu_node(labels=labels)))
    assert isinstance(plan, Plan)
    told = status_of(plan).planned_for[0].labels
    assert {name: told[name] for name in labels} == labels


def test_a_smaller_card_that_joins_is_not_moved_to():
    first, second = held(cluster(L4), cluster(L4, T4))
    assert second.device == first.device == "NVIDIA-L4"


def test_when_the_device_in_force_is_gone_the_plan_moves():
    _, second = held(cluster(L4), cluster(T4))
    assert second.device == "Tesla-T4"


def test_while_no_device_is_there_at_all_the_plan_stays():
    first, second = held(cluster(L4, cpu_node()), cluster(cpu_node()))
    assert digest(second) == digest(first)


def test_a_smaller_device_that_leaves_lets_the_plan_grow():
    first, second = held(cluster(T4, L4), cluster(L4))
    assert (first.device, second.device) == ("Tesla-T4", "NVIDIA-L4")


def test_an_object_that_asks_for_another_product_gets_it():
    first = replan(ask(), facts(), cluster(L4))
    assert isinstance(first, Plan)
    moved = again(ask(gpu=GpuAsk(products=("Tesla-T4",))), cluster(L4, T4), first)
    assert isinstance(moved, Plan)
    assert moved.device == "Tesla-T4"


def test_an_object_that_outgrows_its_device_is_planned_anew():
    first = replan(ask("Qwen/Qwen3-Embedding-8B"), facts("Qwen/Qwen3-Embedding-0.6B"), cluster(T4))
    assert isinstance(first, Plan)
    written = status_of(first)
    grown = replan(ask(), facts("Qwen/Qwen3-Embedding-8B"), cluster(T4, L4), written)
    alone = replan(ask(), facts("Qwen/Qwen3-Embedding-8B"), cluster(T4), written)
    assert isinstance(alone, Refusal)
    assert alone.remedies
    assert isinstance(grown, Refusal), "the pool's smallest card still decides"


def test_a_component_that_moves_to_the_cpu_is_planned_anew():
    first = replan(ask(), facts(), cluster(L4, cpu_node()))
    assert isinstance(first, Plan)
    second = again(ask(gpu=None), cluster(L4, cpu_node()), first)
    assert isinstance(second, Plan)
    assert second.gpu_memory is None


def test_an_operator_that_does_not_see_nodes_any_more_changes_no_precision():
    first, second = held(cluster(cpu_node(features=("AVX512BF16",))), cluster(), ask(gpu=None))
    assert second.precision == first.precision
    assert digest(second) == digest(first)


def test_a_node_without_the_feature_changes_no_precision():
    wish = ask(gpu=None)
    first, second = held(
        cluster(cpu_node(features=("AVX512BF16",))),
        cluster(cpu_node(features=("AVX512BF16",)), cpu_node(cores=64)),
        wish,
    )
    assert digest(second) == digest(first)
