"""The commands against a real web server that answers, fails, dawdles and lies."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from retrieval_bench.__main__ import main
from tests.support.load import serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def vector(text: str) -> list[float]:
    """A text's own vector."""
    return [1.0 + (hash((text, axis)) % 97) for axis in range(4)]


async def embeddings(request: web.Request) -> web.Response:
    """What it should be."""
    return _answer([vector(text) for text in (await request.json())["input"]])


async def rerank(request: web.Request) -> web.Response:
    body = await request.json()
    scores = [
        {"index": i, "relevance_score": float(len(t))} for i, t in enumerate(body["documents"])
    ]
    return web.json_response({"results": scores[::-1]})


async def one_row_short(request: web.Request) -> web.Response:
    return _answer([vector(text) for text in (await request.json())["input"]][1:])


def failing_sometimes() -> Handler:
    """Of eight requests one is rejected, one fails, one is late, one is NaN; four are answered."""
    numbers = itertools.count()

    async def handle(request: web.Request) -> web.StreamResponse:
        match next(numbers) % 8:
            case 1:
                return web.Response(status=429, headers={"Retry-After": "1"})
            case 3:
                return web.Response(status=500, text="boom")
            case 5:
                await asyncio.sleep(10)
            case 7:
                return web.Response(text='{"data": [{"index": 0, "embedding": [NaN]}]}')
        return await embeddings(request)

    return handle


def swapping() -> Handler:
    """A batching server that gives each caller the row of the one before, and keeps that row.

    So it agrees with itself, unless it is asked to compute a row anew.
    """
    before = [vector("nobody")]
    kept: dict[str, list[float]] = {}

    async def handle(request: web.Request) -> web.Response:
        text = (await request.json())["input"][0]
        if text not in kept or request.headers.get("cache-control") == "no-store":
            before.append(vector(text))
            kept[text] = before.pop(0)
        return _answer([kept[text]])

    return handle


def _answer(vectors: list[list[float]]) -> web.Response:
    data = [{"index": index, "embedding": row} for index, row in enumerate(vectors)]
    return web.json_response({"data": data})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One server for all commands; the path chooses its manners."""
    with serving(
        web.post("/v1/embeddings", embeddings),
        web.post("/v1/rerank", rerank),
        web.post("/short", one_row_short),
        web.post("/sometimes", failing_sometimes()),
        web.post("/swapping", swapping()),
        web.get("/info", info),
    ) as url:
        yield url


async def info(_: web.Request) -> web.Response:
    return web.json_response({"model_id": "some/model"})


def command(tmp_path: Path, *words: str) -> tuple[int, Any]:
    """Exit code and result of a command."""
    output = tmp_path / "result.json"
    code = main([*words, "--client-processes", "1", "-o", str(output)])
    return code, json.loads(output.read_bytes()) if output.exists() else None


def test_a_run_counts_checks_and_verifies_every_answer(server, tmp_path):
    words = ["--concurrency", "4", "--requests", "100", "--texts", "3", "--pid", str(os.getpid())]
    code, result = command(tmp_path, "run", server, *words)
    measured = result["measured"]
    assert code == 0
    assert measured["summary"]["answered"] == 100
    assert measured["summary"]["failures"] == {}
    assert measured["verification"] == {
        "compared": 7,
        "measure": "cosine",
        "worst": pytest.approx(1.0),
        "agrees": True,
    }
    assert measured["server"]["info"] == {"model_id": "some/model"}
    assert measured["server_use"]["cpu_ms_per_request"] > 0
    assert result["conditions"]["command"].startswith("retrieval-bench run http://127.0.0.1")


def test_failures_are_told_apart_and_answers_are_not_trusted(server, tmp_path):
    words = ["--rate", "40", "--requests", "80", "--timeout", "5", "--warmup", "8", "--no-verify"]
    code, result = command(tmp_path, "run", f"{server}/sometimes", "--within", "5", *words)
    measured = result["measured"]
    assert code == 1
    assert measured["summary"]["answered"] == 40
    assert measured["summary"]["failures"] == {
        "rejected": 10,
        "refused": 10,
        "timed_out": 10,
        "wrong_answer": 10,
    }
    assert measured["messages"]["refused"] == ["status 500: boom"]
    assert measured["verdict"]["reason"] == "40 failed"


def test_a_server_that_never_gives_the_right_rows_is_not_measured(server, tmp_path, capsys):
    code, result = command(tmp_path, "run", f"{server}/short", "--texts", "2", "--requests", "5")
    assert (code, result) == (1, None)
    assert "answered none of 64 warm-up requests: 1 rows for 2 texts" in capsys.readouterr().err


def test_rows_that_belong_to_others_fail_the_run(server, tmp_path):
    words = ["--concurrency", "4", "--requests", "30"]
    code, result = command(tmp_path, "run", f"{server}/swapping", *words)
    assert code == 1
    assert result["measured"]["summary"]["answered"] == 30
    assert not result["measured"]["verification"]["agrees"]


def test_rerankers_are_measured_too(server, tmp_path):
    words = ["--dialect", "rerank", "--texts", "5", "--workload", "mix", "--burst", "20"]
    words += ["--within", "60"]  # this is not about how fast a busy machine is
    code, result = command(tmp_path, "run", server, *words)
    assert code == 0
    assert result["measured"]["verdict"]["passed"]
    assert result["measured"]["verification"]["measure"] == "gap"


def test_a_search_stops_at_its_ceiling(server, tmp_path):
    words = ["--start", "8", "--ceiling", "16", "--confirmations", "2", "--within", "20"]
    code, result = command(tmp_path, "search", "burst", server, *words)
    assert code == 0
    assert result["largest"] == 16
    assert [probe["load"] for probe in result["probes"]] == [8, 16, 16]


def test_a_comparison_takes_turns_and_ends_in_ratios(server, tmp_path):
    pairs = ["--target", "a", server, "--target", "b", server, "--rounds", "2"]
    load = ["--concurrency", "2", "--requests", "40", "--warmup", "2", "--no-verify"]
    code, result = command(tmp_path, "compare", *pairs, *load)
    assert code == 0
    assert [turn["server"]["name"] for turn in result["turns"]] == ["a", "b", "b", "a"]
    ratio = next(one for one in result["ratios"] if one["figure"] == "requests/s")
    assert ratio["name"] == "b"
    assert ratio["ratio"]["rounds"] == 2


def test_two_client_processes_share_a_load_without_loss_or_repetition(tmp_path):
    seen: list[str] = []

    async def remember(request: web.Request) -> web.Response:
        seen.extend((await request.json())["input"])
        return _answer([[1.0]])

    with serving(web.post("/v1/embeddings", remember)) as url:
        words = ["--burst", "101", "--warmup", "0", "--no-verify", "--client-processes", "2"]
        words += ["--within", "60"]  # this is not about how fast a busy machine is
        assert main(["run", url, *words, "-o", str(tmp_path / "r.json")]) == 0
    assert len(seen) == len(set(seen)) == 101


def test_the_client_knows_its_own_ceiling(tmp_path):
    code, result = command(tmp_path, "ceiling", "--duration", "2", "--dimensions", "8")
    assert code == 0
    assert result["measured"]["summary"]["answered"] > 50
    assert result["measured"]["client"]["busiest_ratio"] > 0.1


def test_a_report_is_a_page_or_a_picture(server, tmp_path):
    command(tmp_path, "run", server, "--requests", "20", "--no-verify")
    results = str(tmp_path / "result.json")
    assert main(["report", results, "-o", str(tmp_path / "page.html")]) == 0
    assert main(["report", results, "-o", str(tmp_path / "plots.png")]) == 0
    assert main(["report", results, "-o", str(tmp_path / "plots.gif")]) == 2
    assert "<svg" not in (tmp_path / "page.html").read_text()
    assert (tmp_path / "plots.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "http://127.0.0.1:9", "--requests", "1"], 1),
        (["run", "ftp://h"], 2),
        (["run", "http://h", "--pid", "4194305"], 2),
        (["run", "http://h", "--dialect", "custom"], 2),
        (["run", "http://h", "--workload", "q1"], 2),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, code, capsys):
    assert main([*words, "--client-processes", "1"]) == code
    error = capsys.readouterr().err
    assert error.startswith("retrieval-bench: ")
    assert error.count("\n") == 1


def test_control_c_ends_a_run_with_what_was_measured(tmp_path):
    output = tmp_path / "result.json"
    served, enough = itertools.count(), threading.Event()

    async def handle(request: web.Request) -> web.Response:
        if next(served) > 20:
            enough.set()
        return await embeddings(request)

    with serving(web.post("/v1/embeddings", handle)) as url:
        words = ["run", url, "--rate", "50", "--duration", "60", "--warmup", "1", "--no-verify"]
        process = subprocess.Popen(
            [sys.executable, "-m", "retrieval_bench", *words, "-o", str(output)],
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert enough.wait(timeout=60)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=30)
    result = json.loads(output.read_bytes())
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert result["interrupted"]
    assert 0 < result["measured"]["summary"]["answered"] < 3000


def test_the_servers_own_model_name_is_sent(tmp_path):
    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "minilm"}]})

    async def handle(request: web.Request) -> web.Response:
        if (await request.json())["model"] != "minilm":
            return web.Response(status=404)
        return await embeddings(request)

    routes = (web.post("/v1/embeddings", handle), web.get("/v1/models", models))
    with serving(*routes) as url:
        code, result = command(tmp_path, "run", url, "--requests", "20", "--no-verify")
    assert code == 0
    assert result["measured"]["server"]["model"] == "minilm"


def test_answers_from_a_cache_are_warned_of(tmp_path):
    hits = itertools.count()

    async def handle(request: web.Request) -> web.Response:
        next(hits)
        return await embeddings(request)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=f'retrieval_cache_hits_total{{model="a"}} {next(hits)}\n')

    with serving(web.post("/v1/embeddings", handle), web.get("/metrics", metrics)) as url:
        words = ("run", url, "--requests", "20", "--no-verify")
        _, accidental = command(tmp_path, *words)
        _, meant = command(tmp_path, *words, "--distinct", "5")
    assert "texts were answered from the server's cache" in accidental["measured"]["warnings"][0]
    assert not [one for one in meant["measured"]["warnings"] if "cache" in one]


def test_two_servers_are_compared_by_their_answers(server, tmp_path):
    async def turned(request: web.Request) -> web.Response:
        return _answer([vector(text)[::-1] for text in (await request.json())["input"]])

    words = ("agree", "--requests", "20", "--least", "0.999", "--target", "old", server)
    code, result = command(tmp_path, *words, "--target", "same", server)
    assert (code, result["agreement"]["compared"]) == (0, 20)
    with serving(web.post("/v1/embeddings", turned)) as url:
        code, result = command(tmp_path, *words, "--target", "new", url)
    assert code == 1
    assert result["agreement"]["worst"] < 0.999
    assert result["worst_text"]


def test_a_server_beside_itself_gets_no_text_twice(tmp_path):
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.extend((await request.json())["input"])
        return await embeddings(request)

    with serving(web.post("/v1/embeddings", handle)) as url:
        words = ("compare", "--requests", "20", "--rounds", "2", "--no-verify", "--warmup", "4")
        command(tmp_path, *words, "--target", "a", url, "--target", "b", url)
    assert len(seen) == len(set(seen)) == 2 * (4 + 2 * 20)
