"""A stored plan is used as it stands; a new one is made for a few told reasons, and no other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_operator.facts import ModelFacts, Unknown
from retrieval_operator.inventory import Inventory
from retrieval_operator.plan import (
    AWAY_S,
    Cause,
    GpuAsk,
    Reason,
    Refusal,
    Revision,
    Sight,
    Wish,
    data_of,
    digest,
    has_place,
    revise,
    revision_of,
)
from retrieval_operator.spec.choices import Precision
from tests.support.planning import ask, cluster, cpu_node, facts, gpu_node

QWEN_8B = "Qwen/Qwen3-Embedding-8B"
A100 = gpu_node(81920, "NVIDIA-A100-SXM4-80GB", "8.0")
T4 = gpu_node(15360, "Tesla-T4", "7.5")
L4 = gpu_node(23034, "NVIDIA-L4")
POOL = cluster(L4, T4)


def wish(model: str = "BAAI/bge-large-zh-v1.5", asked: str = "", **wishes) -> Wish:
    pinned = wishes.pop("pinned", None)
    return Wish(ask(model, **wishes), {"uri": f"hf://{model}"}, asked, pinned)


def sight(inventory: Inventory, model: str = "BAAI/bge-large-zh-v1.5", **known) -> Sight:
    given_ = {"facts": facts(model), "image": "predictor:1", "is_image_chosen": False, **known}
    return Sight(inventory, now="2026-01-02T03:04:05Z", **given_)


def made(answer: Revision | Refusal) -> Revision:
    assert isinstance(answer, Revision), answer
    return answer


def first(inventory: Inventory, asks: Wish | None = None, **known) -> Revision:
    return made(revise(asks or wish(), (), sight(inventory, **known)))


def test_a_t4_that_joins_an_a100_pool_moves_nothing():
    asks, known = wish(QWEN_8B), {"model": QWEN_8B}
    held = first(cluster(A100), asks, **known)
    assert held.plan.precision.value is Precision.BF16
    assert revise(asks, (held,), sight(cluster(A100, T4), **known)) == held
    (kind,) = held.plan.kinds
    assert str(kind).startswith("nvidia.com/gpu.product In NVIDIA-A100-SXM4-80GB")
    assert not has_place(held.plan, held.ask, cluster(T4))


def test_a_device_plugin_that_restarts_moves_nothing_and_a_device_gone_for_minutes_does():
    held = first(cluster(T4))
    other = cluster(L4)
    assert revise(wish(), (held,), sight(other, away_s=AWAY_S - 1)) == held
    moved = made(revise(wish(), (held,), sight(other, away_s=AWAY_S)))
    assert (moved.number, moved.cause) == (2, Cause.DEVICE)
    assert moved.plan.device == "NVIDIA-L4"
    assert "Tesla-T4" in moved.why


def test_a_pool_that_scaled_to_zero_is_waited_for():
    held = first(cluster(L4, cpu_node()))
    assert revise(wish(), (held,), sight(cluster(cpu_node()), away_s=AWAY_S * 9)) == held


def test_a_device_that_is_gone_and_whose_successor_does_not_fit_keeps_its_plan():
    asks, known = wish(QWEN_8B), {"model": QWEN_8B}
    held = first(cluster(A100), asks, **known)
    assert revise(asks, (held,), sight(cluster(T4), away_s=AWAY_S, **known)) == held


def test_larger_cpus_that_leave_are_a_device_that_is_gone():
    asks = wish(gpu=None)
    held = first(cluster(cpu_node(32)), asks)
    small = cluster(cpu_node(1))  # a pod asks for half of the four cores it may use
    assert not has_place(held.plan, held.ask, small)
    moved = made(revise(asks, (held,), sight(small, away_s=AWAY_S)))
    assert moved.plan.cpu_millicores.value < held.plan.cpu_millicores.value


def test_a_plan_in_bf16_goes_to_cpus_that_have_it():
    held = first(cluster(cpu_node(features=("AVX512BF16", "AVX512F"))), wish(gpu=None))
    assert held.plan.precision.value is Precision.BF16
    (kind,) = held.plan.kinds
    assert str(kind) == "feature.node.kubernetes.io/cpu-cpuid.AVX512BF16 In true"
    assert not has_place(held.plan, held.ask, cluster(cpu_node()))


@pytest.mark.parametrize("known", [Unknown("the hub is away", is_passing=True), None])
def test_a_hub_that_is_away_changes_nothing(known):
    held = first(cluster(L4))
    assert revise(wish(), (held,), sight(cluster(L4), facts=known)) == held


def test_an_edit_while_the_hub_is_away_is_planned_with_the_facts_that_are_stored():
    held = first(cluster(L4))
    edited = wish(max_batch_tokens=2048)
    answer = made(revise(edited, (held,), sight(cluster(L4), facts=Unknown("away"))))
    assert answer.plan.max_batch_tokens.value == 2048
    assert (answer.cause, answer.why) == (Cause.OBJECT, "batching.maxBatchTokens")


def test_an_edit_of_a_batch_stays_on_the_kind_of_device_in_force():
    held = first(cluster(L4))
    answer = made(revise(wish(max_batch_tokens=2048), (held,), sight(POOL)))
    assert answer.plan.device == "NVIDIA-L4"
    assert answer.plan.kinds == held.plan.kinds


def test_an_edit_that_no_plan_fits_is_refused():
    held = first(cluster(T4))
    edited = replace(wish(QWEN_8B), model={"uri": f"hf://{QWEN_8B}"})
    answer = revise(edited, (held,), sight(cluster(T4), model=QWEN_8B))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.DOES_NOT_FIT


def test_who_asks_gets_a_plan_for_all_the_devices_there_are_and_once():
    held = first(cluster(L4))
    asks = wish(asked="2026-02-03")
    answer = made(revise(asks, (held,), sight(POOL)))
    assert (answer.cause, answer.plan.device) == (Cause.ASKED, "Tesla-T4")
    assert revise(asks, (held, answer), sight(POOL)) == answer


def test_a_named_image_is_a_revision_and_a_default_one_is_none():
    held = first(cluster(L4))
    newer = sight(cluster(L4), image="predictor:2")
    assert revise(wish(), (held,), newer) == held
    answer = made(revise(wish(), (held,), replace(newer, is_image_chosen=True)))
    assert (answer.cause, answer.image) == (Cause.IMAGE, "predictor:2")
    assert (answer.digest, answer.plan) == (held.digest, held.plan)


def test_another_checkpoint_at_the_hub_is_a_revision_and_another_count_of_it_is_none():
    held = first(cluster(L4))
    counted: ModelFacts = replace(facts(), parameters=facts().parameters + 1, source="later")
    assert revise(wish(), (held,), sight(cluster(L4), facts=counted)) == held
    other = replace(counted, dims=replace(counted.dims, layers=12))
    answer = made(revise(wish(), (held,), sight(cluster(L4), facts=other)))
    assert answer.cause is Cause.FACTS


def test_what_another_planner_decided_stands():
    held = first(cluster(L4))
    older = replace(
        held,
        planner="0.0.1",
        digest="0123456789abcdef",
        plan=replace(held.plan, max_batch_tokens=replace(held.plan.max_batch_tokens, value=7)),
    )
    assert revise(wish(), (older,), sight(cluster(L4))) == older


def test_the_revision_that_the_object_names_rules():
    one = first(cluster(L4))
    two = made(revise(wish(max_batch_tokens=2048), (one,), sight(cluster(L4))))
    known = (one, two)
    pinned = wish(max_batch_tokens=2048, pinned=1)
    assert revise(pinned, known, sight(cluster(T4), away_s=AWAY_S)) == one
    assert revise(replace(pinned, pinned=None), known, sight(cluster(L4))) == two


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        (wish(pinned=7), "rollbackTo is 7, and kept are 1"),
        (wish("BAAI/bge-large-en-v1.5", pinned=1), "planned for another model"),
        (wish(gpu=None, pinned=1), "planned for NVIDIA-L4"),
    ],
)
def test_a_revision_that_does_not_do_is_refused_with_what_to_change(asks, says):
    answer = revise(asks, (first(cluster(L4)),), sight(cluster(L4)))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NO_SUCH_REVISION
    assert says in answer.message
    assert "remove spec.embedder.rollbackTo" in str(answer)


def test_numbers_are_never_used_twice():
    held = first(cluster(L4))
    answer = made(revise(wish(asked="x"), (held,), sight(cluster(L4), taken=12)))
    assert answer.number == 13


def test_a_product_that_nobody_has_yet_is_what_its_plan_holds_for():
    asks = wish(gpu=GpuAsk(products=("NVIDIA-L4",)))
    held = first(cluster(cpu_node()), asks)
    (kind,) = held.plan.kinds
    assert str(kind.requirements[0].values) == "('NVIDIA-L4',)"
    assert kind.requirements[1].operator == "NotIn"
    assert any("nvidia.com/gpu.product=NVIDIA-L4" in note for note in held.plan.notes)


def test_unlabelled_devices_are_told_apart_by_their_memory():
    bare = replace(L4, labels={"nvidia.com/gpu.count": "1", "nvidia.com/gpu.memory": "23034"})
    held = first(cluster(bare), wish(QWEN_8B), model=QWEN_8B)
    assert str(held.plan.kinds[0]).startswith("nvidia.com/gpu.memory Gt 17")
    smaller = replace(bare, labels={**bare.labels, "nvidia.com/gpu.memory": "15360"})
    assert has_place(held.plan, held.ask, cluster(bare))
    assert not has_place(held.plan, held.ask, cluster(smaller))


nodes = st.lists(
    st.sampled_from([A100, T4, L4, gpu_node(40960, "NVIDIA-A100-SXM4-40GB", "8.0"), cpu_node()]),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(nodes, nodes)
def test_nodes_that_come_and_go_for_a_while_never_move_a_plan(before, after):
    answer = revise(wish(), (), sight(cluster(*before)))
    if isinstance(answer, Revision):
        assert has_place(answer.plan, answer.ask, cluster(*before))
        assert revise(wish(), (answer,), sight(cluster(*after), away_s=AWAY_S - 1)) == answer


@settings(deadline=None)
@given(nodes, st.sampled_from(["BAAI/bge-m3", "BAAI/bge-reranker-v2-m3", QWEN_8B]))
def test_a_revision_is_stored_and_read_without_loss(pool, model):
    answer = revise(wish(model), (), sight(cluster(*pool), model=model))
    if isinstance(answer, Revision):
        again = revision_of(answer.number, data_of(answer))
        assert again == answer
        assert digest(again.plan) == answer.digest


def test_what_this_version_has_stored_stays_readable():
    """The file is never written anew: fields that are added need a default."""
    data = json.loads((Path(__file__).parents[2] / "golden" / "stored-plan.json").read_text())
    found = revision_of(3, data)
    assert found is not None
    assert (found.number, found.cause, found.digest) == (3, Cause.FIRST, data["digest"])
    assert found.plan.max_batch_tokens.value == data["plan"]["max_batch_tokens"]["value"]
    assert found.plan.facts.family.model_type == "bert"


def test_what_a_later_version_has_added_does_not_hide_a_revision():
    held = first(cluster(L4))
    data = data_of(held)
    later = {**data, "novelty": 1, "plan": {**data["plan"], "novelty": {}}}
    assert revision_of(1, later) == held
    assert revision_of(1, {"plan": 7}) is None
    assert revision_of(1, "no json") is None
