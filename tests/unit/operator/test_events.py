"""Events of objects are listed at a bounded cost."""

from typing import Any

from retrieval_operator.errors import ClusterRefused
from retrieval_operator.runtime.events import Events


class Server:
    """Lists one event for each object, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_forbidden = False
        self.now_s = 0.0

    def request(self, method: str, path: str, *, query: Any = None, **_: Any) -> dict[str, Any]:
        assert (method, path) == ("GET", "/apis/events.k8s.io/v1/namespaces/search/events")
        uid = query["fieldSelector"].removeprefix("regarding.uid=")
        self.asked.append(uid)
        if self.is_forbidden:
            raise ClusterRefused(path, 403, "forbidden")
        return {"items": [{"regarding": {"uid": uid}, "count": len(self.asked)}]}

    def clock(self) -> float:
        return self.now_s


def test_one_listing_answers_for_an_object_for_ten_seconds():
    server = Server()
    events = Events(server, server.clock)
    first = events.of("search", "a")
    server.now_s = 9.0
    assert events.of("search", "a") == first
    server.now_s = 11.0
    assert events.of("search", "a") != first
    assert server.asked == ["a", "a"]


def test_a_thousand_pods_that_start_at_once_cost_five_listings_a_second():
    server = Server()
    events = Events(server, server.clock)
    for tick in range(100):
        server.now_s = tick / 10
        for number in range(1000):
            events.of("search", f"pod-{number}")
    assert len(server.asked) <= 5 * 10


def test_who_has_to_wait_gets_what_was_known():
    server = Server()
    events = Events(server, server.clock)
    known = events.of("search", "a")
    server.now_s = 20.0
    events.of("search", "b")
    assert events.of("search", "a") == known
    assert events.of("search", "c") == ()


def test_events_that_may_not_be_read_are_none():
    server = Server()
    server.is_forbidden = True
    assert Events(server, server.clock).of("search", "a") == ()
