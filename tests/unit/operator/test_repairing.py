"""An edit is undone at once; the same edit again and again is answered ever more slowly."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.reconcile.repairing import Repairs, rival_of
from retrieval_operator.world import INFERENCE_SERVICE, Ref

REF = Ref(INFERENCE_SERVICE, "search", "docs-embedder")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def fight(repairs: Repairs, clock: Clock, spell_s: float, step_s: float = 0.1) -> list[float]:
    """Times of repairs where somebody edits at every step."""
    began_s, times = clock.now_s, []
    while clock.now_s - began_s < spell_s:
        if repairs.is_due(REF):
            repairs.repaired(REF, "rival")
            times.append(clock.now_s - began_s)
        clock.now_s += step_s
    return times


def test_the_first_edits_are_undone_at_once():
    clock = Clock()
    repairs = Repairs(clock)
    assert [round(one, 1) for one in fight(repairs, clock, 0.35)] == [0.0, 0.1, 0.2]
    assert repairs.streak(REF).is_contested


def test_pauses_double_up_to_a_minute():
    clock = Clock()
    times = fight(Repairs(clock), clock, 400.0)
    pauses = [later - earlier for earlier, later in pairwise(times[2:])]
    assert [round(pause) for pause in pauses][:8] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_quiet_ends_a_streak():
    clock = Clock()
    repairs = Repairs(clock)
    fight(repairs, clock, 5.0)
    assert repairs.streak(REF).is_contested
    clock.now_s += 30.0
    assert not repairs.streak(REF).is_contested
    assert repairs.is_due(REF)


@given(st.lists(st.floats(min_value=21.0, max_value=1e4), max_size=20))
def test_edits_far_apart_are_always_undone_at_once(gaps_s):
    clock = Clock()
    repairs = Repairs(clock)
    for gap_s in gaps_s:
        assert repairs.is_due(REF)
        repairs.repaired(REF, "rival")
        clock.now_s += gap_s


def entry(manager: str, time: str, subresource: str = "") -> dict[str, str]:
    return {"manager": manager, "time": time, "subresource": subresource}


def test_the_rival_is_whoever_wrote_last_apart_from_us():
    entries = [
        entry("manager", "2026-01-01T00:00:03Z", "status"),
        entry("retrieval-operator", "2026-01-01T00:00:02Z"),
        entry("kubectl-edit", "2026-01-01T00:00:01Z"),
        entry("older", "2026-01-01T00:00:00Z"),
    ]
    live = {"metadata": {"managedFields": entries}}
    assert rival_of(live, "retrieval-operator") == "kubectl-edit"
    assert rival_of({"metadata": {}}, "retrieval-operator") == "somebody"
