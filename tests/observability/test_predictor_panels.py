"""A real Prometheus scrapes a predictor under a known load; every panel and rule is evaluated.

The load has two parts. In the first every request is alone and has `TEXTS` new texts, so each is
one batch of that size. In the second so many long requests arrive at once that some get 429.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from aiohttp import web

from grafana.retrieval_monitoring.objectives import WITHIN_S
from tests.observability.boards import RULES, queries
from tests.observability.server import SCRAPE_S, Prometheus, Target, prometheus
from tests.support.load import serving
from tests.support.metrics import metric
from tests.support.processes import Predictor, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

LABELS = {"namespace": "search", "service": "docs", "component": "embedder", "pod": "docs-0"}
TEXTS = 16
STEADY_S = 15.0
PACE_S = 0.25
LEAST_S = 25.0
"""Least length of a window: Prometheus extrapolates its edges by up to a scrape each."""
WITHIN = 0.05
GPU = {"namespace": "search", "service": "large", "component": "embedder", "pod": "large-0"}
GPU_PAGE = "\n".join(
    (
        *(
            f'retrieval_gpu_memory_bytes{{kind="{kind}"}} {gib * 2**30}'
            for kind, gib in (("planned", 6), ("allocated", 3), ("reserved", 5), ("total", 24))
        ),
        *(
            f'{name}{{gpu="0",UUID="1",exported_namespace="search",exported_pod="large-0"}} {value}'
            for name, value in (
                ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.4),
                ("DCGM_FI_DEV_GPU_UTIL", 97),
                ("DCGM_FI_DEV_FB_USED", 5120),
                ("DCGM_FI_DEV_XID_ERRORS", 0),
            )
        ),
        "",
    )
)
"""What a pod on a GPU and the DCGM exporter say; the predictor under load computes on the CPU."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the load: when it ended, over which window to ask, and what was sent."""

    until_s: float
    window_s: float
    requests: int
    refused: int
    tokens: int
    duration_s: float
    in_time_ratio: float
    page_before: str
    page_after: str

    def ask(self, server: Prometheus, expr: str) -> float:
        """The value of an expression over this part's window."""
        text = expr.replace("[w]", f"[{self.window_s:.0f}s]")
        return server.value(text, self.until_s)

    def grew(self, name: str, **labels: str) -> float:
        """How much a sample of the predictor's own page grew."""
        return metric(self.page_after, name, **labels) - metric(self.page_before, name, **labels)


@dataclass(frozen=True, slots=True)
class Watched:
    """A predictor, the Prometheus that scraped it, and the load it had."""

    server: Prometheus
    steady: Part
    burst: Part


@dataclass(frozen=True, slots=True)
class Sent:
    """One request's fate."""

    status: int
    tokens: int
    duration_s: float


def send(predictor: Predictor, texts: list[str]) -> Sent:
    started_s = time.perf_counter()
    answer = predictor.post("/v1/embeddings", json={"input": texts})
    elapsed_s = time.perf_counter() - started_s
    tokens = answer.json()["usage"]["prompt_tokens"] if answer.status_code == 200 else 0
    return Sent(answer.status_code, tokens, elapsed_s)


def steady(predictor: Predictor) -> list[Sent]:
    """Requests one after another, all texts new."""
    sent, until_s, number = [], time.monotonic() + STEADY_S, 0
    while time.monotonic() < until_s:
        number += 1
        sent.append(send(predictor, [f"text {number} of part {part}" for part in range(TEXTS)]))
        time.sleep(PACE_S)
    return sent


def burst(predictor: Predictor) -> list[Sent]:
    """Long requests all at once, longer texts than the model takes."""

    def one(number: int) -> Sent:
        return send(predictor, [f"{number} {part} " + "word " * 200 for part in range(8)])

    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(one, range(24)))


def scraped_until(server: Prometheus) -> float:
    """A moment in the quiet time that goes on now, after good scrapes of every target in it.

    Where a busy machine missed them the growth of a window would begin or end amid the load.
    """
    seen = f"count(min_over_time(up[{2 * SCRAPE_S * 1000:.0f}ms]) == 1) == count(up)"
    deadline_s = time.monotonic() + 60
    while True:
        moment_s = time.time() - SCRAPE_S  # a scrape that began later may not have ended
        if server.query(seen, moment_s):
            return moment_s
        assert time.monotonic() < deadline_s, "no good scrapes of every target in 60 s"
        time.sleep(SCRAPE_S)


def part(server: Prometheus, predictor: Predictor, load) -> Part:
    """Send a part of the load, with a quiet time around it that the scrapes have seen."""
    before = predictor.get("/metrics").text
    started_s = time.time()
    time.sleep(3 * SCRAPE_S)
    scraped_until(server)
    sent = load(predictor)
    time.sleep(max(3 * SCRAPE_S, started_s + LEAST_S - time.time()))
    ended_s = scraped_until(server)
    answered = [one for one in sent if one.status == 200]
    return Part(
        ended_s,
        ended_s - started_s,
        len(sent),
        sum(one.status == 429 for one in sent),
        sum(one.tokens for one in answered),
        sum(one.duration_s for one in answered),
        sum(one.duration_s <= WITHIN_S for one in answered) / len(answered),
        before,
        predictor.get("/metrics").text,
    )


async def gpu_page(_: web.Request) -> web.Response:
    return web.Response(text=GPU_PAGE)


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("observed")
    settings = {
        "max_input_tokens": 128,
        "planned_memory_bytes": 2**30,
        "batching__max_batch_tokens": 2048,
        "batching__max_queue_tokens": 4096,
    }
    with running(folder / "predictor", component="embedder", **settings) as predictor:
        target = Target(predictor.url.removeprefix("http://"), LABELS)
        with (
            serving(web.get("/metrics", gpu_page)) as gpu,
            prometheus(
                folder / "prometheus", [target, Target(gpu.removeprefix("http://"), GPU)], [RULES]
            ) as server,
        ):
            burst(predictor)  # a labelled counter shows its growth only after its first scrape
            server.wait_for("sum(retrieval_rejected_total)")
            yield Watched(server, part(server, predictor, steady), part(server, predictor, burst))


def test_requests_agree_with_those_sent(watched):
    for one in (watched.steady, watched.burst):
        counted = one.ask(watched.server, "sum(increase(retrieval_requests_total[w]))")
        assert counted == pytest.approx(one.requests, rel=WITHIN)


def test_refused_requests_agree_with_the_429s_that_clients_saw(watched):
    one = watched.burst
    assert 0 < one.refused < one.requests
    for expr in (
        'sum(increase(retrieval_requests_total{code="429"}[w]))',
        'sum(increase(retrieval_rejected_total{reason="overloaded"}[w]))',
    ):
        assert one.ask(watched.server, expr) == pytest.approx(one.refused, rel=WITHIN)


def test_tokens_agree_with_the_usage_that_clients_were_told(watched):
    one = watched.steady
    counted = one.ask(watched.server, "sum(increase(retrieval_input_tokens_total[w]))")
    assert counted == pytest.approx(one.tokens, rel=WITHIN)


def panel(board: str, title: str, start: str) -> str:
    """The expression of the panel's query that starts so, over the window of a part."""
    (found,) = {
        asked.filled("w")
        for asked in queries()
        if (asked.board, asked.panel) == (board, title) and asked.expr.startswith(start)
    }
    return found


def test_the_mean_batch_is_the_one_that_was_sent(watched):
    expr = panel("retrieval-predictor", "Mean batch", "sum(rate(retrieval_batch_size")
    assert watched.steady.ask(watched.server, expr) == pytest.approx(TEXTS, rel=WITHIN)
    tokens = panel("retrieval-predictor", "Mean batch", "sum(rate(retrieval_batch_tokens")
    each = watched.steady.tokens / watched.steady.requests
    assert watched.steady.ask(watched.server, tokens) == pytest.approx(each, rel=WITHIN)


def test_the_mean_queue_wait_is_the_predictors_own(watched):
    one = watched.burst
    seconds = one.grew("retrieval_queue_wait_seconds_sum")
    requests = one.grew("retrieval_queue_wait_seconds_count")
    expr = (
        "sum(rate(retrieval_queue_wait_seconds_sum[w]))"
        " / sum(rate(retrieval_queue_wait_seconds_count[w]))"
    )
    assert one.ask(watched.server, expr) == pytest.approx(seconds / requests, rel=WITHIN)
    assert seconds / requests < one.duration_s / (one.requests - one.refused)


def test_the_parts_of_the_latency_add_up_to_the_whole(watched):
    parts = [
        panel("retrieval-predictor", "Parts of the mean latency", part)
        for part in ("sum(rate(retrieval_tokenise", "sum(rate(retrieval_queue_wait", "clamp_min")
    ]
    values = [watched.burst.ask(watched.server, expr) for expr in parts]
    name = "retrieval_request_duration_seconds"
    mean = watched.burst.ask(
        watched.server, f"sum(rate({name}_sum[w])) / sum(rate({name}_count[w]))"
    )
    assert sum(values) == pytest.approx(mean, rel=0.01)
    assert min(values) >= 0


def test_the_objectives_shares_are_those_of_the_load(watched):
    one = watched.burst
    answered = panel("retrieval-overview", "Answered without a fault", "1 - ")
    assert one.ask(watched.server, answered) == pytest.approx(1.0, abs=1e-6)
    in_time = panel("retrieval-overview", "Answered within 3 s", "sum(")
    late = "retrieval_request_duration_seconds"
    own = one.grew(f"{late}_bucket", le=f"{WITHIN_S}") / one.grew(f"{late}_count")
    assert one.ask(watched.server, in_time) == pytest.approx(own, rel=WITHIN)
    assert own >= one.in_time_ratio  # a client's clock runs longer than the server's


def test_every_query_of_a_panel_has_data(watched):
    at_s = watched.burst.until_s
    window = f"{watched.steady.window_s + watched.burst.window_s:.0f}s"
    silent, lines = [], []
    for asked in queries():
        if asked.board != "retrieval-operator":
            result = watched.server.query(asked.filled(window), at_s)
            values = [float(one["value"][1]) for one in result]
            if not any(map(math.isfinite, values)):
                silent.append((asked.panel, asked.expr))
            shown = ", ".join(f"{value:.6g}" for value in values[:4]) or "no series"
            lines.append(f"{asked.board:20} | {asked.panel:32} | {len(values):3} | {shown}")
    sys.stdout.write("\n".join(lines))  # shown by `pytest -rP`
    assert silent == []


def test_memory_as_planned_is_of_the_gpu_where_there_is_one(watched):
    on_gpu, on_cpu = (
        panel("retrieval-overview", "Memory as planned", start)
        for start in ("sum by (namespace, service, component) (retrieval_gpu", "(sum by")
    )
    assert services(watched, on_gpu) == {"large": pytest.approx(5 / 6)}
    assert set(services(watched, on_cpu)) == {"docs"}


def services(watched: Watched, expr: str) -> dict[str, float]:
    samples = watched.server.query(expr, watched.burst.until_s)
    return {one["metric"]["service"]: float(one["value"][1]) for one in samples}


def test_every_rule_evaluates_and_every_recorded_series_has_data(watched):
    rules = watched.server.rules()
    assert {rule["lastError"] for rule in rules if rule.get("lastError")} == set()
    for rule in rules:
        if rule["type"] == "recording":
            assert watched.server.query(rule["name"], watched.burst.until_s), rule["name"]


def test_no_alert_of_a_predictor_fires_for_a_service_that_does_well(watched):
    firing = {rule["name"] for rule in watched.server.rules() if rule.get("state") == "firing"}
    assert firing == set()
