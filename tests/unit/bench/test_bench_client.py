"""Whatever a server does to a request ends as an outcome, timed when the answer was complete."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from retrieval_bench.client import Client
from retrieval_bench.corpus import Synthetic, workload
from retrieval_bench.dialects.tei import TeiEmbed
from retrieval_bench.dialects.wire import Reply
from retrieval_bench.errors import Refused, Rejected, Unreachable
from retrieval_bench.outcomes import Ending, Outcome
from retrieval_bench.transports import Send


def client(transmit: Send, **options: Any) -> Client:
    clock = asyncio.get_running_loop().time
    corpus = Synthetic(workload("q8"), 2, 0)
    options = {"keep": frozenset[int](), "kept": {}, **options}
    return Client(transmit, TeiEmbed(), corpus, 5.0, clock, **options)


def answering(body: Any, after_s: float = 0.0) -> Send:
    async def transmit(*_: Any) -> Reply:
        await asyncio.sleep(after_s)
        return Reply(orjson.dumps(body))

    return transmit


def failing(error: Exception) -> Send:
    async def transmit(*_: Any) -> Reply:
        raise error

    return transmit


async def send(one: Client, index: int = 0) -> Outcome:
    return await one.send(one.prepare(index), asyncio.get_running_loop().time())


async def test_an_answer_takes_as_long_as_it_took():
    outcome = await send(client(answering([[1.0], [2.0]], after_s=0.25)))
    assert outcome.ending is Ending.ANSWERED
    assert outcome.done_s - outcome.sent_s == pytest.approx(0.25)
    assert outcome.reply_bytes == len("[[1.0],[2.0]]")


async def test_an_answer_after_the_deadline_is_none():
    outcome = await send(client(answering([[1.0], [2.0]], after_s=6)))
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.message == "no answer within 5 s"
    assert outcome.done_s - outcome.sent_s == pytest.approx(5)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Rejected("429"), Ending.REJECTED),
        (Refused("500", "boom"), Ending.REFUSED),
        (Unreachable("reset"), Ending.UNREACHABLE),
    ],
)
async def test_every_failure_is_counted_under_its_name(error, ending):
    outcome = await send(client(failing(error)))
    assert outcome.ending is ending
    assert outcome.message == str(error)


async def test_a_wrong_answer_is_a_failure_that_took_its_time():
    outcome = await send(client(answering([[1.0]], after_s=0.5)))
    assert outcome.ending is Ending.WRONG_ANSWER
    assert outcome.message == "1 rows for 2 texts"
    assert outcome.done_s - outcome.sent_s == pytest.approx(0.5)


async def test_the_first_vectors_fix_the_length_of_all():
    lengths = iter([3, 3, 2])

    async def transmit(*_: Any) -> Reply:
        length = next(lengths)
        return Reply(orjson.dumps([[1.0] * length] * 2))

    one = client(transmit)
    endings = [(await send(one, index)).ending for index in range(3)]
    assert endings == [Ending.ANSWERED, Ending.ANSWERED, Ending.WRONG_ANSWER]


async def test_only_the_rows_that_are_wanted_are_kept():
    one = client(answering([[1.0], [2.0]]), keep=frozenset({1}))
    for index in range(3):
        await send(one, index)
    assert list(one.kept) == [1]
    assert one.kept[1].tolist() == [[1.0], [2.0]]
