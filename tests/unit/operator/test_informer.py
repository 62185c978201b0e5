"""The store is filled by events, checked against listings, and never replaced. Virtual time."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from retrieval_operator.errors import ClusterRefused, ClusterUnavailable, KindMissing
from retrieval_operator.runtime.informer import Hearing, Informer
from retrieval_operator.runtime.kinds import Place
from retrieval_operator.runtime.places import Scope, Wanted
from retrieval_operator.world import INFERENCE_SERVICE, NODE, POD, SERVICE, Kind, Store
from tests.support.operating import KEY, gpu_node, pod, service, version

KSERVE = {"name": "serving.kserve.io", "versions": [{"groupVersion": "serving.kserve.io/v1beta1"}]}
OURS = {"name": "retrieval.io", "versions": [{"groupVersion": "retrieval.io/v1alpha1"}]}
MONITORING = {
    "name": "monitoring.coreos.com",
    "versions": [{"groupVersion": "monitoring.coreos.com/v1"}],
}
MONITOR = Kind("PodMonitor", "monitoring.coreos.com/v1", "podmonitors")
KINDS = (SERVICE, NODE, POD, INFERENCE_SERVICE, MONITOR)


async def on_loop(call):
    return call()


class Server:
    """An API server as far as the informer asks one: what it serves, forbids, and lists."""

    def __init__(self) -> None:
        self.groups = [OURS]
        self.is_away = False
        self.forbidden: set[str] = set()
        self.missing: set[str] = set()
        self.objects: dict[Kind, list[dict[str, Any]]] = {}
        self.listings = 0
        self.page = 500

    def request(self, method: str, path: str, *, query=None, **_: Any) -> dict[str, Any]:
        assert method == "GET"
        if self.is_away:
            raise ClusterUnavailable(path, "connection refused")
        if path == "/apis":
            return {"groups": self.groups}
        if path in self.missing:
            raise KindMissing(path)
        if path in self.forbidden:
            raise ClusterRefused(path, 403, "forbidden")
        return self._list(path, query or {})

    def _list(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        self.listings += query["limit"] == "500"
        found = [
            one
            for kind, objects in self.objects.items()
            for one in objects
            if path in {kind.path(), kind.path(one["metadata"].get("namespace"))}
        ]
        start = int(query.get("continue", 0))
        rest = start + self.page < len(found)
        about = {"resourceVersion": version(), "continue": str(start + self.page) if rest else ""}
        items = [{"metadata": one["metadata"]} for one in found[start : start + self.page]]
        return {"metadata": about, "items": items}

    def remove(self, kind: Kind, name: str) -> None:
        self.objects[kind] = [one for one in self.objects[kind] if one["metadata"]["name"] != name]


class Run:
    """A run of the watch that a test drives."""

    def __init__(self, scope: Scope, sink: Any, server: Server) -> None:
        self.scope = scope
        self.sink = sink
        self.server = server
        self.ended: Future[None] = Future()
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True
        if not self.ended.done():
            self.ended.set_result(None)

    def list(self) -> None:
        """What kopf does when it begins, and after 410 Gone."""
        for kind in self.scope.kinds:
            for namespace in self.scope.namespaces or ("",):
                self.sink.collected(kind.path(namespace))
            for one in self.server.objects.get(kind, ()):
                self.sink.happened(kind, one, None)

    def tell(self, kind: Kind, document: dict[str, Any], how: str = "MODIFIED") -> None:
        self.sink.happened(kind, document, how)


class Following:
    """An informer whose runs and news a test sees; kopf is quick where `does_list` is set."""

    def __init__(self, namespaces: tuple[str, ...] = ()) -> None:
        self.server = Server()
        self.server.objects = {SERVICE: [service()], POD: [pod("a")], NODE: [gpu_node()]}
        self.world = Store()
        self.runs: list[Run] = []
        self.news: list[tuple[Any, ...]] = []
        self.complete: list[Place] = []
        self.resyncs = 0
        self.does_list = True
        self.informer = Informer(
            Wanted(KINDS, {POD: "ours=true"}, namespaces, 600.0, 60.0),
            self.server,
            self.world,
            Hearing(lambda *facts: self.news.append(facts), self.complete.append, self._resynced),
            self._start,
            on_loop,
        )
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start within the test: only there is time virtual."""
        self.task = asyncio.create_task(self.informer.keep())
        await asyncio.sleep(1)

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def _start(self, scope: Scope, sink: Any) -> Any:
        self.runs.append(Run(scope, sink, self.server))
        if self.does_list:
            self.runs[-1].list()
        return self.runs[-1]

    def _resynced(self) -> None:
        self.resyncs += 1

    @property
    def run(self) -> Run:
        return self.runs[-1]

    @property
    def live(self) -> list[Run]:
        return [one for one in self.runs if not one.is_stopped and not one.ended.done()]

    def follows(self, kind: Kind, namespace: str = "") -> bool:
        return any(
            kind in one.scope.kinds and (not namespace or namespace in one.scope.namespaces)
            for one in self.live
        )

    def names(self, kind: Kind) -> list[str]:
        return sorted(one["metadata"]["name"] for one in self.world.all(kind))


@pytest.fixture
async def following():
    one = Following()
    yield one
    await one.end()


async def test_nobody_passes_before_the_watch_has_told_all_that_is_listed(following):
    following.does_list = False
    await following.begin()
    following.run.tell(SERVICE, following.server.objects[SERVICE][0])
    await asyncio.sleep(1)
    assert not following.informer.coverage.holds(KEY.namespace)
    following.run.list()
    await asyncio.sleep(1)
    assert following.informer.coverage.holds(KEY.namespace)
    assert {place.kind for place in following.complete} == {SERVICE, NODE, POD}


async def test_an_empty_cluster_is_whole_once_all_of_it_is_listed(following):
    following.server.objects = {}
    await following.begin()
    assert following.informer.coverage.has_listed


async def test_a_listing_of_many_pages_is_read_to_its_end(following):
    following.server.page = 2
    following.server.objects[POD] = [pod(f"pod-{number}") for number in range(7)]
    await following.begin()
    assert following.informer.coverage.has_listed
    assert len(following.names(POD)) == 7


async def test_later_events_change_the_store_and_are_told(following):
    await following.begin()
    following.news.clear()
    new = pod("b")
    following.run.tell(POD, new, "ADDED")
    following.run.tell(POD, new, "DELETED")
    await asyncio.sleep(1)
    kinds = [(kind, before is None, after is None) for kind, before, after in following.news]
    assert kinds == [(POD, True, False), (POD, False, True)]
    assert following.names(POD) == ["a"]


async def test_an_answer_to_our_own_write_is_no_news(following):
    await following.begin()
    following.news.clear()
    written = service()
    following.world.put(SERVICE, written)
    following.run.tell(SERVICE, written)
    await asyncio.sleep(1)
    assert following.news == []


async def test_what_vanished_while_kopf_had_lost_its_place_is_found_and_told(following):
    await following.begin()
    following.news.clear()
    following.server.remove(POD, "a")
    following.run.sink.collected(POD.path())  # after 410 Gone; the new listing is empty
    await asyncio.sleep(1)
    assert following.names(POD) == []
    assert [(kind, after) for kind, _, after in following.news] == [(POD, None)]


async def test_what_was_made_after_the_listing_has_not_vanished(following):
    await following.begin()
    await asyncio.sleep(1)
    following.run.sink.collected(POD.path())
    newer = pod("newer")
    newer["metadata"]["resourceVersion"] = "999999999"
    following.run.tell(POD, newer, "ADDED")
    await asyncio.sleep(1)
    assert following.names(POD) == ["a", "newer"]


async def test_the_watch_is_never_restarted_by_a_clock(following):
    await following.begin()
    await asyncio.sleep(7000)
    assert following.informer.runs == 1
    assert following.resyncs >= 10


async def test_a_resync_finds_what_no_event_told(following):
    await following.begin()
    following.server.remove(POD, "a")
    await asyncio.sleep(700)
    assert following.names(POD) == []
    assert following.informer.runs == 1


async def test_a_watch_that_hides_something_though_it_is_open_is_opened_anew(following):
    await following.begin()
    following.server.objects[POD] = [pod("a"), pod("hidden")]
    await asyncio.sleep(700)
    assert following.informer.runs == 1
    await asyncio.sleep(300)
    assert following.names(POD) == ["a", "hidden"]
    assert following.informer.runs == 2


async def test_a_run_that_ends_by_itself_is_followed_by_another_and_nothing_is_forgotten(following):
    await following.begin()
    following.run.ended.set_exception(RuntimeError("404"))
    await asyncio.sleep(5)
    assert following.informer.runs == 2
    assert following.names(POD) == ["a"]
    assert following.informer.coverage.holds(KEY.namespace)


async def test_a_run_that_was_given_up_is_not_heard_any_more(following):
    await following.begin()
    first = following.run
    first.ended.set_exception(RuntimeError("404"))
    await asyncio.sleep(5)
    first.tell(POD, pod("late"), "ADDED")
    await asyncio.sleep(1)
    assert following.names(POD) == ["a"]


async def test_a_kind_that_is_installed_later_is_followed_and_one_removed_is_not(following):
    await following.begin()
    assert not following.follows(INFERENCE_SERVICE)
    following.server.groups = [OURS, KSERVE]
    await asyncio.sleep(12)
    assert following.follows(INFERENCE_SERVICE)
    assert "serving.kserve.io/v1beta1" in following.informer.apis
    following.server.groups = [OURS]
    await asyncio.sleep(12)
    assert not following.follows(INFERENCE_SERVICE)


async def test_a_server_that_is_away_ends_nothing_and_is_waited_for(following):
    await following.begin()
    following.server.is_away = True
    await asyncio.sleep(60)
    assert following.informer.reachable_since_s is None
    assert following.informer.runs == 1
    assert following.world.keys() == {KEY}
    following.server.is_away = False
    await asyncio.sleep(40)
    assert following.informer.reachable_since_s is not None


async def test_a_kind_that_may_not_be_listed_is_left_out_until_it_may(following):
    following.server.forbidden = {"/api/v1/nodes"}
    await following.begin()
    assert not following.follows(NODE)
    assert following.follows(SERVICE)
    assert following.informer.coverage.holds(KEY.namespace)
    following.server.forbidden = set()
    await asyncio.sleep(12)
    assert following.follows(NODE)


async def test_a_server_that_forbids_everything_is_starting_and_nothing_is_given_up(following):
    await following.begin()
    following.server.forbidden = {kind.path() for kind in KINDS}
    following.run.ended.set_exception(RuntimeError("403"))
    await asyncio.sleep(20)
    assert following.world.keys() == {KEY}
    following.server.forbidden = set()
    await asyncio.sleep(40)
    assert following.follows(SERVICE)


async def test_a_right_that_is_gone_for_good_takes_what_was_seen_with_it(following):
    await following.begin()
    following.server.forbidden = {"/api/v1/nodes"}
    following.run.ended.set_exception(RuntimeError("403"))
    await asyncio.sleep(10)
    assert following.names(NODE) == ["gpu-1"]
    await asyncio.sleep(40)
    assert following.names(NODE) == []
    assert following.names(POD) == ["a"]


async def test_a_kind_whose_group_is_there_without_it_is_waited_for(following):
    """Others use the group of PodMonitors too."""
    following.server.groups = [OURS, MONITORING]
    following.server.missing = {"/apis/monitoring.coreos.com/v1/podmonitors"}
    await following.begin()
    assert following.follows(SERVICE)
    assert "monitoring.coreos.com/v1" not in following.informer.apis
    following.server.missing = set()
    await asyncio.sleep(12)
    assert "monitoring.coreos.com/v1" in following.informer.apis


async def test_the_watch_is_heard_when_the_server_answers_it(following):
    await following.begin()
    before = following.informer.news_s
    await asyncio.sleep(30)
    following.run.sink.heard()
    await asyncio.sleep(1)
    assert following.informer.news_s > before


class TestNamespaces:
    """An operator of `search` and `shop` goes on in one when the other is taken away."""

    @pytest.fixture
    async def two(self):
        one = Following(("search", "shop"))
        shop = service(name="wares", namespace="shop", uid="uid-wares")
        one.server.objects[SERVICE].append(shop)
        yield one
        await one.end()

    def close(self, following: Following, namespace: str) -> None:
        closed = {kind.path(namespace) for kind in KINDS if kind.is_namespaced}
        following.server.forbidden = closed
        for run in following.live:
            if namespace in run.scope.namespaces:
                run.ended.set_exception(RuntimeError("403"))

    async def test_nodes_have_a_run_of_their_own(self, two):
        await two.begin()
        assert {one.scope.namespaces for one in two.live} == {(), ("search", "shop")}

    async def test_one_without_rights_is_left_out_and_the_other_followed(self, two):
        await two.begin()
        self.close(two, "shop")
        await asyncio.sleep(5)
        assert two.follows(SERVICE, "search")
        assert not two.follows(SERVICE, "shop")
        assert two.informer.coverage.holds("search")
        two.run.tell(SERVICE, service(), "MODIFIED")
        await asyncio.sleep(1)
        assert two.news[-1][0] == SERVICE

    async def test_what_is_not_followed_is_told_and_then_forgotten(self, two):
        await two.begin()
        self.close(two, "shop")
        await asyncio.sleep(60)
        gaps = {str(place) for place, _ in two.informer.coverage.gaps}
        assert gaps == {"RetrievalService in shop", "Pod in shop"}
        assert two.names(SERVICE) == [KEY.name]

    async def test_one_that_comes_back_is_followed_again(self, two):
        await two.begin()
        self.close(two, "shop")
        await asyncio.sleep(60)
        two.server.forbidden = set()
        await asyncio.sleep(12)
        assert two.follows(SERVICE, "shop")
        assert two.informer.coverage.holds("shop")
        assert two.informer.coverage.gaps == ()

    async def test_one_that_never_had_rights_holds_nobody_up(self, two):
        self.close(two, "shop")
        await two.begin()
        assert two.informer.coverage.holds("search")
        assert not two.informer.coverage.follows(INFERENCE_SERVICE)
