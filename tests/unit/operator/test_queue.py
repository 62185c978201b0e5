"""Keys wait once, run one at a time, and come back later after each failure. Virtual time."""

import asyncio
from collections import Counter
from typing import Any

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_operator.runtime.workqueue import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    Done,
    Failed,
    Workqueue,
    backoff_s,
)


class Passes:
    """A handler that records its passes, and the workers that call it."""

    def __init__(self, workers: int = 2, takes_s: float = 1.0, outcome=lambda _: Done()) -> None:
        self.queue: Workqueue[str] = Workqueue(chance=lambda: 1.0)
        self.began: list[tuple[float, str]] = []
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._takes_s = takes_s
        self._outcome = outcome
        self._tasks = [asyncio.create_task(self.queue.work(self._handle)) for _ in range(workers)]

    async def _handle(self, key: str):
        self.began.append((asyncio.get_running_loop().time(), key))
        self.running[key] += 1
        self.most[key] = max(self.most[key], self.running[key])
        await asyncio.sleep(self._takes_s)
        self.running[key] -= 1
        return self._outcome(key)

    def times(self, key: str) -> list[Any]:
        first = self.began[0][0]
        return [pytest.approx(at - first, abs=1e-6) for at, name in self.began if name == key]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_key_that_waits_is_passed_over_once():
    passes = Passes()
    for _ in range(5):
        passes.queue.add("docs")
    await asyncio.sleep(10)
    assert passes.times("docs") == [0.0]
    await passes.stop()


async def test_a_key_added_during_its_pass_is_passed_over_again_and_never_beside_it():
    passes = Passes(workers=4)
    passes.queue.add("docs")
    await asyncio.sleep(0.5)
    passes.queue.add("docs")
    passes.queue.add("docs")
    await asyncio.sleep(10)
    assert passes.times("docs") == [0.0, 1.0]
    assert passes.most["docs"] == 1
    await passes.stop()


async def test_workers_pass_over_different_keys_at_a_time():
    passes = Passes(workers=2)
    for key in ("a", "b", "c"):
        passes.queue.add(key)
    await asyncio.sleep(10)
    assert [passes.times(key) for key in "abc"] == [[0.0], [0.0], [1.0]]
    await passes.stop()


async def test_failures_come_back_after_doubling_pauses_and_a_success_ends_that():
    outcomes = iter([Failed(), Failed(), Failed(), Done(), Failed(), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(100)
    assert passes.times("docs") == [0.0, 0.5, 1.5, 3.5]
    passes.queue.add("docs")
    await asyncio.sleep(100)
    assert passes.times("docs")[5].expected - passes.times("docs")[4].expected == pytest.approx(0.5)
    await passes.stop()


async def test_a_failure_that_names_a_time_waits_at_least_that_long():
    outcomes = iter([Failed(at_least_s=30.0), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(100)
    assert passes.times("docs") == [0.0, 30.0]
    await passes.stop()


async def test_a_pass_may_ask_for_another():
    outcomes = iter([Done(again_s=7.0), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(100)
    assert passes.times("docs") == [0.0, 7.0]
    await passes.stop()


async def test_news_do_not_wait_for_a_backoff():
    outcomes = iter([*[Failed()] * 6, Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(30)
    failed = len(passes.times("docs"))
    passes.queue.add("docs")
    await asyncio.sleep(0.1)
    assert len(passes.times("docs")) == failed + 1


async def test_news_wait_as_long_as_the_server_asked_for():
    outcomes = iter([Failed(at_least_s=30.0), Done(), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(5)
    passes.queue.add("docs")
    passes.queue.add_after("docs", 0.1)
    await asyncio.sleep(1000)
    assert passes.times("docs") == [0.0, 30.0]
    passes.queue.add("docs")
    await asyncio.sleep(1)
    assert len(passes.times("docs")) == 3


async def test_news_during_a_pass_wait_as_long_as_the_server_asked_for():
    outcomes = iter([Failed(at_least_s=30.0), Done()])
    passes = Passes(takes_s=1, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(0.5)
    passes.queue.add("docs")
    await asyncio.sleep(1000)
    assert passes.times("docs") == [0.0, 31.0]
    await passes.stop()


async def test_the_earlier_of_two_timers_counts():
    passes = Passes(takes_s=0)
    passes.queue.add("first")
    await asyncio.sleep(0.001)
    passes.queue.add_after("docs", 10)
    passes.queue.add_after("docs", 3)
    passes.queue.add_after("docs", 20)
    await asyncio.sleep(100)
    assert [round(at - passes.began[0][0]) for at, key in passes.began if key == "docs"] == [3]
    await passes.stop()


async def test_depth_and_age_tell_of_waiting_keys_alone():
    passes = Passes(workers=1, takes_s=10)
    for key in ("running", "a", "b"):
        passes.queue.add(key)
    await asyncio.sleep(4)
    assert (passes.queue.depth, passes.queue.running) == (2, 1)
    assert passes.queue.oldest_s() == pytest.approx(4.0)
    await asyncio.sleep(30)
    assert (passes.queue.depth, passes.queue.oldest_s()) == (0, 0.0)
    await passes.stop()


async def test_a_cleared_queue_passes_over_nothing_and_gets_idle():
    passes = Passes(workers=1, takes_s=5)
    passes.queue.add("docs")
    passes.queue.add("more")
    passes.queue.add_after("later", 1)
    await asyncio.sleep(0.5)
    passes.queue.clear()
    await passes.queue.idle()
    await asyncio.sleep(50)
    assert [key for _, key in passes.began] == ["docs"]
    await passes.stop()


async def test_what_the_server_asked_for_outlives_what_waits():
    """It is a fact about the server, not about who leads."""
    outcomes = iter([Failed(at_least_s=30.0), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(5)
    passes.queue.clear()
    await asyncio.sleep(5)
    passes.queue.add("docs")
    await asyncio.sleep(100)
    assert passes.times("docs") == [0.0, 30.0]
    await passes.stop()


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_backoff_grows_is_bounded_and_never_zero(failures, chance):
    wait_s = backoff_s(failures, chance)
    assert FIRST_RETRY_S / 2 <= wait_s <= LONGEST_RETRY_S
    assert backoff_s(failures + 1, chance) >= wait_s


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 5), st.floats(0, 3)), min_size=1, max_size=25
    ),
    st.integers(1, 4),
)
def test_whatever_is_added_is_passed_over_afterwards_and_never_twice_at_a_time(adds, workers):
    async def check() -> None:
        passes = Passes(workers=workers, takes_s=0.7)
        last: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        for key, pause_s, delay_s in adds:
            await asyncio.sleep(pause_s)
            passes.queue.add_after(key, delay_s)
            last[key] = loop.time()
        await asyncio.sleep(100)
        for key, added_s in last.items():
            assert max(at for at, name in passes.began if name == key) >= added_s
        assert set(passes.most.values()) == {1}
        assert passes.queue.depth == passes.queue.running == 0
        await passes.stop()

    loop = looptime.new_event_loop(start=0)
    try:
        loop.run_until_complete(check())
    finally:
        loop.close()


async def test_a_failure_may_set_how_long_the_pauses_become():
    outcomes = iter([*[Failed(at_most_s=6.0)] * 8, Done()])
    passes = Passes(workers=1, takes_s=0.0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(120)
    assert passes.times("docs") == [0.0, 0.5, 1.5, 3.5, 7.5, 13.5, 19.5, 25.5, 31.5]
    await passes.stop()


async def test_news_from_before_the_server_asked_for_patience_do_not_shorten_it():
    outcomes = iter([Failed(at_least_s=30.0), Done()])
    passes = Passes(workers=1, takes_s=1.0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(0.95)
    passes.queue.add_after("docs", 0.1)
    await asyncio.sleep(100)
    assert passes.times("docs") == [0.0, 31.0]
    await passes.stop()


async def test_many_keys_that_ask_for_another_pass_share_five_a_second():
    passes = Passes(workers=8, takes_s=0, outcome=lambda _: Done(again_s=15.0))
    for number in range(1000):
        passes.queue.add(f"docs-{number}")
    await asyncio.sleep(400)
    before = len(passes.began)
    await asyncio.sleep(1000)
    assert len(passes.began) - before <= 5 * 1000 * 1.1
    await passes.stop()


async def test_what_a_poll_would_find_an_event_finds_at_once():
    passes = Passes(takes_s=0, outcome=lambda _: Done(again_s=60.0))
    passes.queue.add("docs")
    await asyncio.sleep(5)
    passes.queue.add("docs")
    await asyncio.sleep(1)
    assert passes.times("docs") == [0.0, 5.0]
    await passes.stop()


async def test_nothing_is_remembered_of_a_key_whose_pass_is_done():
    outcomes = iter([Failed(at_least_s=3.0), Done()])
    passes = Passes(takes_s=0, outcome=lambda _: next(outcomes))
    passes.queue.add("docs")
    await asyncio.sleep(10)
    kept = [value for value in vars(passes.queue).values() if isinstance(value, dict | set)]
    assert not any("docs" in one for one in kept)
    await passes.stop()
