"""Conditions are a function of the situation alone, and every reason has its meaning."""

from datetime import timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_operator.derive import (
    MEANINGS,
    Fault,
    Half,
    KServe,
    KServeState,
    Situation,
    Word,
    derive,
    document,
    news,
    read,
)
from retrieval_operator.derive.advice import advice
from retrieval_operator.derive.news import event
from retrieval_operator.derive.reasons import STAGES
from retrieval_operator.observe import ComponentState, Stage, Trouble, TroubleKind
from retrieval_operator.plan import Plan, Reason, Refusal, Revision, draft
from retrieval_operator.plan import plan as planned
from retrieval_operator.spec import ComponentName
from retrieval_operator.spec.status import Status
from tests.support.operating import NOW, service
from tests.support.planning import ask, cluster, facts, gpu_node

EMBEDDER = ComponentName.EMBEDDER
PLAN = planned(ask(), facts(), cluster(gpu_node()))
REFUSAL = Refusal(EMBEDDER, Reason.DOES_NOT_FIT, "needs 9.8 Gi, there are 4 Gi")
assert isinstance(PLAN, Plan)
REVISION = draft(PLAN, "example/predictor:v1")


def half(state: ComponentState, answer: Revision | Refusal | None = None) -> tuple[Half, ...]:
    """A service with an embedder alone."""
    return (Half(EMBEDDER, state, answer),)


troubles = st.builds(
    Trouble,
    st.sampled_from(TroubleKind),
    st.sampled_from(["OOMKilled", "CrashLoopBackOff", "Unschedulable"]),
    st.text(max_size=20),
    st.sampled_from([None, "pod-1"]),
    exit_code=st.sampled_from([None, 1, 137]),
)
states = st.builds(
    ComponentState,
    st.just(EMBEDDER),
    st.sampled_from([None, "docs-embedder"]),
    needed=st.integers(0, 3),
    desired=st.integers(0, 3),
    updated=st.integers(0, 3),
    ready=st.integers(0, 3),
    stage=st.sampled_from(Stage),
    is_present=st.booleans(),
    wakes_on_request=st.booleans(),
    troubles=st.lists(troubles, max_size=2).map(tuple),
)
situations = st.builds(
    Situation,
    st.integers(1, 9),
    st.just(NOW),
    st.builds(half, states, st.sampled_from([REVISION, REFUSAL])),
    problems=st.sampled_from([(), (), ("spec.embedder: got 1, wanted 2",)]),
    is_suspended=st.booleans(),
    kserve=st.sampled_from(KServeState).map(KServe),
    faults=st.sampled_from([(), (Fault(Word.APPLY_REFUSED, "forbidden"),)]),
)


def condition(status: Status, kind: str):
    return next(one for one in status.conditions if one.type == kind)


@settings(deadline=None)
@given(situations)
def test_the_same_situation_twice_is_the_same_status_whenever_it_is_looked_at(situation):
    first = derive(situation, Status())
    later = Situation(
        **{
            **{name: getattr(situation, name) for name in Situation.__slots__},
            "now": NOW + timedelta(hours=1),
        }
    )
    again = derive(later, read(document(first)))
    assert document(again) == document(first)
    assert news(first, again) == ()


@settings(deadline=None)
@given(situations)
def test_every_reason_is_in_the_table_and_every_message_says_something(situation):
    for one in derive(situation, Status()).conditions:
        assert one.reason in MEANINGS, one
        assert one.message, one
        assert one.observed_generation == situation.generation


@settings(deadline=None)
@given(situations)
def test_a_ready_service_answers_is_planned_and_wants_nothing(situation):
    status = derive(situation, Status())
    if condition(status, "Ready").status == "True":
        (state,) = situation.states
        assert state.is_asleep or (state.is_full and state.is_present)
        assert not situation.problems
        assert not situation.refusals
        assert condition(status, "EmbedderReady").status == "True"


@settings(deadline=None)
@given(situations)
def test_what_is_written_can_be_read_again(situation):
    status = derive(situation, Status())
    assert document(read(document(status))) == document(status)


@settings(deadline=None)
@given(situations, situations)
def test_a_time_moves_exactly_when_its_status_flips(before, after):
    first = derive(before, Status())
    later = Situation(
        **{
            **{name: getattr(after, name) for name in Situation.__slots__},
            "now": NOW + timedelta(minutes=1),
        }
    )
    second = derive(later, first)
    for one in second.conditions:
        known = next((was for was in first.conditions if was.type == one.type), None)
        if known is not None:
            is_same = known.status == one.status
            assert (known.last_transition_time == one.last_transition_time) == is_same


def test_every_word_that_can_be_a_reason_has_a_meaning():
    words = [*Word, *STAGES.values(), *(kind.value for kind in TroubleKind)]
    words += [reason.value for reason in Reason]
    assert set(map(str, words)) == set(MEANINGS)
    assert all(text.endswith(".") for text in MEANINGS.values())


def test_every_trouble_has_advice_without_blanks():
    for kind, pod in product(TroubleKind, (None, "docs-1")):
        state = ComponentState(EMBEDDER, "docs-embedder")
        text = advice(Trouble(kind, "x", pod=pod, container="main"), state)
        assert text
        assert "{" not in text


def test_a_refused_plan_carries_its_numbers():
    situation = Situation(1, NOW, half(ComponentState(EMBEDDER), REFUSAL))
    status = derive(situation, Status())
    assert "9.8 Gi" in condition(status, "PlanValid").message
    assert condition(status, "Ready").reason == "ModelDoesNotFit"
    assert condition(status, "EmbedderReady").reason == "NotPlanned"


def test_a_planning_that_failed_is_not_called_planned():
    fault = Fault(Word.INTERNAL, "KeyError; see the operator's log")
    halves = half(ComponentState(EMBEDDER))
    status = derive(Situation(1, NOW, halves, faults=(fault,)), Status())
    assert condition(status, "PlanValid").status == "Unknown"
    assert condition(status, "Ready").message == fault.message


def test_a_plan_stays_in_the_status_while_a_new_one_is_refused():
    state = ComponentState(EMBEDDER, "docs-embedder", desired=1, ready=1, stage=Stage.READY)
    first = derive(Situation(1, NOW, half(state, REVISION)), Status())
    second = derive(Situation(2, NOW, half(state, REFUSAL)), first)
    assert first.components is not None
    assert second.components is not None
    assert second.components.embedder is not None
    assert second.components.embedder.plan == first.components.embedder.plan  # type: ignore[union-attr]


def test_of_a_status_only_what_cannot_be_read_is_left_out():
    assert read({"phase": "Nonsense", "gpu": "NVIDIA-L4"}) == Status(gpu="NVIDIA-L4")
    assert read({"conditions": [{"type": "Ready"}], "gpu": "x"}) == Status(gpu="x")
    assert read(None) == Status()


@settings(deadline=None)
@given(situations)
def test_fields_of_another_version_erase_no_memory(situation):
    known = document(derive(situation, Status()))
    newer = {**known, "novelty": {"a": 1}, "conditions": [*map(with_novelty, known["conditions"])]}
    newer["components"] = {"embedder": with_novelty(known["components"]["embedder"]), "index": {}}
    assert document(read(newer)) == known


def with_novelty(document):
    return {**document, "novelty": ["from a later version"]}


def test_the_same_news_has_the_same_name_and_fits_an_event():
    state = ComponentState(EMBEDDER, "docs-embedder", desired=1, stage=Stage.LOADING)
    bad = ComponentState(
        EMBEDDER,
        "docs-embedder",
        desired=1,
        stage=Stage.LOADING,
        troubles=(Trouble(TroubleKind.CRASH, "CrashLoopBackOff", "x" * 400, "pod-1"),),
    )
    first = derive(Situation(1, NOW, half(state, REVISION)), Status())
    second = derive(Situation(1, NOW, half(bad, REVISION)), first)
    (item,) = news(first, second)
    one, other = (event(item, service(), "pod", NOW) for _ in range(2))
    assert one["metadata"]["name"] == other["metadata"]["name"]
    assert one["type"] == "Warning"
    assert len(one["note"]) <= 1024
