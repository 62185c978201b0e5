"""A hub is asked once for a model, never waited for, and left alone while it does not answer."""

import threading
import time
from collections.abc import Iterator

import pytest

from retrieval_operator.facts import Asking, Hub, Unknown, known_facts
from retrieval_operator.facts.asking import Pause
from retrieval_operator.facts.hub import Answer
from retrieval_operator.spec.source import ModelSource

pytestmark = pytest.mark.looptime(False)
ONE, OTHER = ModelSource(uri="hf://a/one"), ModelSource(uri="hf://a/other")
FACTS = known_facts("BAAI/bge-m3")
AWAY = Unknown("the hub cannot be reached", is_passing=True)


class SlowHub:
    """Answers when a test opens it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.opened = threading.Event()
        self.now_s = 0.0
        self.answer: object = FACTS
        self.woken: list[str] = []
        self.is_woken = threading.Event()
        self.asking: Asking[str] = Asking(self.look, self.wake, 10.0, 0.01, lambda: self.now_s)

    def look(self, source):
        self.asked.append(source.uri)
        self.opened.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def wake(self, who: str) -> None:
        self.woken.append(who)
        self.is_woken.set()

    def open(self) -> None:
        self.opened.set()
        assert self.is_woken.wait(10)
        self.is_woken.clear()


@pytest.fixture
def hub() -> Iterator[SlowHub]:
    one = SlowHub()
    yield one
    one.opened.set()


def test_who_asks_is_not_kept_waiting_and_is_woken_when_there_is_an_answer(hub):
    began_s = time.monotonic()
    found = hub.asking.ask(ONE, "docs")
    assert time.monotonic() - began_s < 5
    assert isinstance(found, Unknown)
    assert found.is_pending
    hub.open()
    assert hub.woken == ["docs"]
    assert hub.asking.ask(ONE, "docs") == FACTS


def test_a_hub_that_is_near_answers_within_the_moment(hub):
    hub.opened.set()
    asking: Asking[str] = Asking(hub.look, hub.wake, 10.0, 10.0)
    assert asking.ask(ONE, "docs") == FACTS


def test_many_who_ask_about_one_model_are_one_question(hub):
    for number in range(50):
        hub.asking.ask(ONE, f"docs-{number}")
    assert hub.asked == [ONE.uri]
    hub.open()
    assert [hub.asking.ask(ONE, f"docs-{number}") for number in range(50)] == [FACTS] * 50
    assert hub.asked == [ONE.uri]


def test_a_hub_that_did_not_answer_is_left_alone_for_growing_pauses(hub):
    hub.answer = AWAY
    hub.asking.ask(ONE, "docs")
    hub.open()
    assert hub.asking.ask(ONE, "docs") == AWAY
    found = hub.asking.ask(OTHER, "wiki")
    assert isinstance(found, Unknown)
    assert found.why == "the hub cannot be reached; asked again in 15 s"
    assert hub.asked == [ONE.uri]
    hub.now_s = 16.0
    hub.asking.ask(OTHER, "wiki")
    assert hub.asked == [ONE.uri, OTHER.uri]


def test_a_model_that_the_hub_does_not_have_is_no_reason_to_pause(hub):
    hub.answer = Unknown("there is no such model")
    hub.asking.ask(ONE, "docs")
    hub.open()
    hub.asking.ask(ONE, "docs")
    found = hub.asking.ask(OTHER, "wiki")
    assert isinstance(found, Unknown)
    assert "asked again" not in found.why


def test_a_question_that_hangs_is_told_as_unanswered(hub):
    hub.asking.ask(ONE, "docs")
    hub.now_s = 11.0
    found = hub.asking.ask(ONE, "docs")
    assert isinstance(found, Unknown)
    assert (found.why, found.is_pending) == (
        "the hub has not answered about hf://a/one in 10 s",
        False,
    )


def test_whatever_a_hub_sends_is_an_answer_or_none(hub):
    hub.answer = ValueError("no JSON")
    hub.asking.ask(ONE, "docs")
    hub.open()
    found = hub.asking.ask(ONE, "docs")
    assert isinstance(found, Unknown)
    assert found.is_passing
    assert "no JSON" in found.why


def test_pauses_double_up_to_five_minutes_and_an_answer_ends_them():
    pause, lengths_s = Pause(), []
    for _ in range(8):
        pause = pause.after(AWAY, 0.0)
        lengths_s.append(pause.until_s)
    assert lengths_s == [15, 30, 60, 120, 240, 300, 300, 300]
    assert pause.after(Unknown("no such model"), 0.0) == Pause()


def test_all_requests_of_a_look_up_share_one_deadline():
    now_s = 0.0

    def fetch(url: str, first: int, last: int) -> Answer:  # noqa: ARG001 - a hub of one answer
        nonlocal now_s
        now_s += 4.0
        return Answer(200, b"{}", 2)

    found = Hub(fetch, "http://hub", 10.0, lambda: now_s).facts(ONE)
    assert isinstance(found, Unknown)
    assert found.is_passing
    assert "not all of a/one was read in 10 s" in found.why
    assert now_s == 12.0
