"""A watch is runs that follow one another, and the store is never half full. Virtual time."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from retrieval_operator.errors import ClusterRefused, ClusterUnavailable, KindMissing
from retrieval_operator.watch import Watch
from retrieval_operator.watch.keeper import Hearing, Wanted
from retrieval_operator.watch.run import Scope
from retrieval_operator.world import (
    INFERENCE_SERVICE,
    LEASE,
    NODE,
    POD,
    SERVICE,
    Key,
    Store,
)
from tests.support.operating import KEY, gpu_node, pod, service

KSERVE = {"name": "serving.kserve.io", "versions": [{"groupVersion": "serving.kserve.io/v1beta1"}]}
OURS = {"name": "retrieval.io", "versions": [{"groupVersion": "retrieval.io/v1alpha1"}]}
MONITORING = {
    "name": "monitoring.coreos.com",
    "versions": [{"groupVersion": "monitoring.coreos.com/v1"}],
}
APPS = {"name": "apps", "versions": [{"groupVersion": "apps/v1"}]}


async def on_loop(call):
    return call()


class Discovery:
    """An API server as far as the keeper asks one."""

    def __init__(self) -> None:
        self.groups = [OURS, APPS]
        self.is_away = False
        self.forbidden: set[str] = set()
        self.missing: set[str] = set()

    def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        assert method == "GET"
        if self.is_away:
            raise ClusterUnavailable(path, "connection refused")
        if path == "/apis":
            return {"groups": self.groups}
        if path in self.missing:
            raise KindMissing(path)
        if path in self.forbidden:
            raise ClusterRefused(path, 403, "forbidden")
        return {"items": []}


class FakeRun:
    """A run that a test drives."""

    def __init__(self, scope: Scope, sink: Any) -> None:
        self.scope = scope
        self.sink = sink
        self.ended: Future[None] = Future()
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True
        if not self.ended.done():
            self.ended.set_result(None)

    def list(self, *objects: tuple[Any, Any]) -> None:
        for number in range(self.scope.collections):
            self.sink.collected(f"/{number}")
        for kind, document in objects:
            self.sink.listed(kind, document)
        for kind, document in objects:
            self.sink.happened(kind, document, None)


class Following:
    """A watch whose runs and news a test sees."""

    def __init__(self, namespaces: tuple[str, ...] = (), silence_s: float = 10_000.0) -> None:
        self.server = Discovery()
        self.world = Store()
        self.runs: list[FakeRun] = []
        self.news: list[tuple[Any, ...]] = []
        self.relisted: list[set[Key]] = []
        self.watch = Watch(
            Wanted(namespaces, ("system", "lease"), 600.0, silence_s),
            self.server,
            self.world,
            Hearing(lambda *facts: self.news.append(facts), self.relisted.append),
            self._start,
            on_loop,
        )
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start within the test: only there is time virtual."""
        self.task = asyncio.create_task(self.watch.keep())
        await asyncio.sleep(1)

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def _start(self, scope: Scope, sink: Any) -> Any:
        self.runs.append(FakeRun(scope, sink))
        return self.runs[-1]

    @property
    def run(self) -> FakeRun:
        return self.runs[-1]


@pytest.fixture
async def following():
    one = Following()
    yield one
    await one.end()


async def test_nothing_is_told_before_everything_is_listed(following):
    await following.begin()
    following.run.sink.listed(SERVICE, service())
    following.run.sink.listed(NODE, gpu_node())
    await asyncio.sleep(1)
    assert not following.world.is_complete
    assert following.world.keys() == set()
    following.run.sink.happened(SERVICE, service(), None)
    await asyncio.sleep(1)
    assert following.world.is_complete
    assert following.relisted == [{KEY}]
    assert len(following.world.all(NODE)) == 1


async def test_later_events_change_the_store_and_are_told(following):
    await following.begin()
    following.run.list((SERVICE, service()))
    new = pod("a")
    following.run.sink.happened(POD, new, "ADDED")
    following.run.sink.happened(POD, new, "DELETED")
    await asyncio.sleep(1)
    kinds = [(kind, before is None, after is None) for kind, before, after in following.news]
    assert kinds == [(POD, True, False), (POD, False, True)]
    assert following.world.all(POD) == ()


async def test_an_answer_to_our_own_write_is_no_news(following):
    await following.begin()
    following.run.list((SERVICE, service()))
    written = service()
    following.world.put(SERVICE, written)
    following.run.sink.happened(SERVICE, written, "MODIFIED")
    await asyncio.sleep(1)
    assert following.news == []


async def test_a_second_listing_within_a_run_ends_it_for_deletions_may_be_lost(following):
    await following.begin()
    one, gone = service(), pod("gone")
    following.run.list((SERVICE, one), (POD, gone))
    await asyncio.sleep(1)
    following.run.sink.collected("/0")
    await asyncio.sleep(1)
    assert following.runs[0].is_stopped
    following.run.list((SERVICE, one))
    await asyncio.sleep(1)
    assert following.world.all(POD) == ()


async def test_a_run_that_ends_by_itself_is_followed_by_another(following):
    await following.begin()
    following.run.list((SERVICE, service()))
    following.run.ended.set_exception(RuntimeError("404"))
    await asyncio.sleep(5)
    assert len(following.runs) == 2
    assert following.world.keys() == {KEY}


async def test_a_run_that_was_given_up_is_not_heard_any_more(following):
    await following.begin()
    first = following.run
    first.list((SERVICE, service()))
    first.ended.set_exception(RuntimeError("404"))
    await asyncio.sleep(5)
    first.sink.happened(POD, pod("late"), "ADDED")
    await asyncio.sleep(1)
    assert following.world.all(POD) == ()


async def test_a_kind_that_is_installed_later_is_followed_and_one_removed_is_not(following):
    await following.begin()
    assert INFERENCE_SERVICE not in following.run.scope.kinds
    following.server.groups = [OURS, APPS, KSERVE]
    await asyncio.sleep(12)
    assert INFERENCE_SERVICE in following.run.scope.kinds
    assert "serving.kserve.io/v1beta1" in following.watch.apis
    following.server.groups = [OURS, APPS]
    await asyncio.sleep(12)
    assert INFERENCE_SERVICE not in following.run.scope.kinds


async def test_everything_is_listed_again_from_time_to_time(following):
    await following.begin()
    await asyncio.sleep(700)
    assert len(following.runs) == 2


async def test_a_server_that_is_away_ends_nothing_and_is_waited_for(following):
    await following.begin()
    following.run.list((SERVICE, service()))
    following.server.is_away = True
    await asyncio.sleep(60)
    assert following.watch.reachable_since_s is None
    assert len(following.runs) == 1
    assert following.world.keys() == {KEY}
    following.server.is_away = False
    await asyncio.sleep(12)
    assert following.watch.reachable_since_s is not None


async def test_a_kind_that_may_not_be_listed_is_left_out(following):
    await following.begin()
    following.server.forbidden = {"/api/v1/nodes"}
    following.run.ended.set_result(None)
    await asyncio.sleep(60)
    assert NODE not in following.run.scope.kinds
    assert SERVICE in following.run.scope.kinds
    following.server.forbidden = set()
    await asyncio.sleep(12)
    assert NODE in following.run.scope.kinds


async def test_a_right_that_is_missing_for_a_moment_is_waited_for(following):
    """A starting API server forbids everything until it has read its roles."""
    await following.begin()
    following.server.forbidden = {"/api/v1/nodes"}
    following.run.ended.set_result(None)
    await asyncio.sleep(2)
    assert len(following.runs) == 1
    following.server.forbidden = set()
    await asyncio.sleep(10)
    assert NODE in following.run.scope.kinds


async def test_a_kind_whose_group_is_there_without_it_is_waited_for(following):
    """Others use the group of PodMonitors too."""
    following.server.groups = [OURS, APPS, MONITORING]
    following.server.missing = {"/apis/monitoring.coreos.com/v1/podmonitors"}
    await following.begin()
    assert SERVICE in following.run.scope.kinds
    assert "monitoring.coreos.com/v1" not in following.watch.apis
    following.server.missing = set()
    await asyncio.sleep(12)
    assert "monitoring.coreos.com/v1" in following.watch.apis


async def test_an_empty_cluster_is_complete_once_all_of_it_is_listed(following):
    await following.begin()
    for number in range(following.run.scope.collections - 1):
        following.run.sink.collected(f"/{number}")
    await asyncio.sleep(12)
    assert not following.world.is_complete
    following.run.sink.collected("/last")
    await asyncio.sleep(12)
    assert following.world.is_complete


async def test_watches_that_tell_nothing_are_opened_anew():
    one = Following(silence_s=60.0)
    await one.begin()
    await asyncio.sleep(50)
    assert len(one.runs) == 1
    await asyncio.sleep(30)
    assert len(one.runs) == 2
    await one.end()


async def test_while_the_server_is_away_silence_means_nothing():
    one = Following(silence_s=60.0)
    await one.begin()
    one.server.is_away = True
    await asyncio.sleep(300)
    assert len(one.runs) == 1
    await one.end()


async def test_the_heartbeat_is_heard(following):
    await following.begin()
    before = following.watch.news_s
    lease = {"metadata": {"namespace": "system", "name": "lease", "uid": "l"}}
    following.run.sink.happened(LEASE, lease, "MODIFIED")
    await asyncio.sleep(1)
    assert before is None
    assert following.watch.news_s is not None


async def test_a_lease_outside_the_followed_namespaces_gives_no_heartbeat():
    one = Following(namespaces=("search",))
    await one.begin()
    assert one.run.scope.lease is None
    assert not one.watch.has_heartbeat
    await one.end()
