"""Two operators run, one of them writes, and the other takes over when it goes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.api import until
from tests.cluster.faults import FaultyApi, drop, faulty_api, hang, refusal
from tests.cluster.nodes import whole
from tests.cluster.operated import Operated, service, wait_ready

LEASE_S = 6
WRITES = {"create", "update", "patch", "delete"}


@dataclass(frozen=True, slots=True)
class Replica:
    """One operator and the proxy that sees what it asks for."""

    operator: Operated
    calls: FaultyApi

    @property
    def leads(self) -> bool:
        return (
            self.operator.server.pid is not None
            and self.operator.metric("retrieval_operator_leader") == 1.0
        )

    @property
    def writes(self) -> int:
        """Writes to anything but the lease."""
        return sum(one.verb in WRITES and one.resource != "leases" for one in self.calls.seen)


@pytest.fixture(scope="module")
def replicas(lab, operator) -> Iterator[tuple[Replica, ...]]:
    operator.stop()
    with faulty_api(lab.site) as first, faulty_api(lab.site) as second:
        both = tuple(
            Replica(
                Operated(lab, f"replica-{number}", calls.url, lease_seconds=str(LEASE_S)), calls
            )
            for number, calls in enumerate((first, second))
        )
        for one in both:
            one.operator.server.begin()
        for one in both:
            one.operator.server.wait_ready()
        yield both
        for one in both:
            one.operator.stop()
    operator.start()


@pytest.fixture
def roles(replicas) -> tuple[Replica, Replica]:
    """The leader and the other, both running."""
    for one in replicas:
        one.operator.start()
    until(lambda: any(one.leads for one in replicas), "one leads", limit_s=30)
    first, second = replicas
    return (first, second) if first.leads else (second, first)


def test_only_the_leader_writes(lab, roles, namespace, nodes):
    leader, other = roles
    nodes(whole())
    before = leader.writes, other.writes
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    assert leader.writes > before[0]
    assert other.writes == before[1]
    assert leader.leads
    assert not other.leads


def test_a_killed_leader_is_replaced_within_its_lease(lab, roles, namespace, nodes, took):
    leader, other = roles
    nodes(whole())
    leader.operator.server.kill()
    took("killed_s")
    lab.api.apply(service("docs", namespace))
    until(lambda: other.leads, "the other leads", limit_s=30)
    assert took("handed_over_s") < 2 * LEASE_S
    wait_ready(lab, "docs", namespace)
    took("ready_s")


def test_a_leader_that_is_asked_to_stop_hands_over_at_once(lab, roles, namespace, nodes, took):
    leader, other = roles
    nodes(whole())
    leader.operator.stop()
    assert took("stopped_s") < 10
    lab.api.apply(service("docs", namespace))
    until(lambda: other.leads, "the other leads")
    assert took("handed_over_s") < LEASE_S / 2
    wait_ready(lab, "docs", namespace)


def test_renewals_that_fail_and_then_succeed_do_not_cost_the_lead(roles):
    leader, other = roles
    log, renewals = leader.operator.server.log, {"verb": "update", "resource": "leases"}
    told, before = len(log.read_bytes()), leader.calls.count(**renewals)
    for answer in (refusal(500), refusal(409), drop):
        leader.calls.answer(answer, **renewals)
    until(lambda: leader.calls.count(**renewals) >= before + 6, "it renews again", limit_s=30)
    assert leader.leads
    assert not other.leads
    assert b'"not leading"' not in log.read_bytes()[told:]


def test_a_leader_that_cannot_renew_stops_writing_before_another_leads(
    lab, roles, namespace, nodes, took
):
    leader, other = roles
    nodes(whole())
    for verb in ("get", "update"):
        leader.calls.answer(hang, times=10_000, resource="leases", verb=verb)
    try:
        until(lambda: not leader.leads, "the leader stops", limit_s=30)
        assert not other.leads
        took("stopped_leading_s")
        until(lambda: other.leads, "the other leads", limit_s=30)
        took("handed_over_s")
        silent = leader.writes
        lab.api.apply(service("docs", namespace))
        wait_ready(lab, "docs", namespace)
        assert leader.writes == silent
    finally:
        leader.calls.heal()
