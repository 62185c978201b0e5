"""Results as tables: the same sheets are printed to a terminal and put on a page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retrieval_bench.arrivals import describe
from retrieval_bench.fleet import ClientUse
from retrieval_bench.results import (
    AgreeResult,
    CompareResult,
    Conditions,
    Measured,
    Result,
    RunResult,
    SearchResult,
    Work,
)
from retrieval_bench.stats import Summary

NONE = "–"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of words, first column left, others right; `notes` are lines below it."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def sheets(result: Result) -> tuple[Sheet, ...]:
    """A result as tables, the most important first."""
    match result:
        case RunResult():
            return (_run(result),)
        case SearchResult():
            return (_search(result),)
        case CompareResult():
            return (_ratios(result), _turns(result))
        case AgreeResult():
            return (_agreement(result),)


def each(results: Sequence[Result]) -> tuple[Sheet, ...]:
    """The tables of all results, one result after another."""
    return tuple(sheet for result in results for sheet in sheets(result))


def overview(results: Sequence[Result]) -> tuple[Sheet, ...]:
    """Runs side by side, where there is more than one."""
    runs = [result for result in results if isinstance(result, RunResult)]
    rows = tuple(
        (
            run.measured.server.name,
            run.work.workload,
            describe(run.measured.arrivals),
            *(_number(figures(run.measured)[name]) for name in _FIGURES),
            _counts(run.measured.summary),
        )
        for run in runs
    )
    headers = ("server", "workload", "load", *_FIGURES, "failures")
    return (Sheet("All runs", headers, rows),) if len(runs) > 1 else ()


def render(result: Result) -> RenderableType:
    """A result for a terminal."""
    parts: list[RenderableType] = []
    for sheet in sheets(result):
        parts += [_table(sheet), *(Text(note, style="dim") for note in sheet.notes), Text()]
    return Group(*parts)


def footing(conditions: Conditions, work: Work) -> tuple[str, ...]:
    """The lines that say under which conditions figures were taken."""
    texts = "1 text" if work.texts_per_request == 1 else f"{work.texts_per_request} texts"
    distinct = f", {work.distinct} distinct" if work.distinct else ""
    machine = f"{conditions.host}: {conditions.cpu}, {conditions.cores} cores"
    return (
        f"{work.workload}, {texts} a request{distinct}, seed {work.seed}",
        f"{conditions.date} on {machine}, load average before {conditions.load_average:.2f}",
        conditions.command,
    )


def figures(turn: Measured) -> dict[str, float | None]:
    """The figures that servers are compared by, CPU a request; None where there is none."""
    latency, use = turn.summary.latency, turn.server_use
    return {
        "requests/s": turn.summary.answered_per_s or None,
        "p50 ms": 1000 * latency.p50_s if latency else None,
        "p90 ms": 1000 * latency.p90_s if latency else None,
        "p99 ms": 1000 * latency.p99_s if latency else None,
        "CPU ms": use.cpu_ms_per_request or None if use else None,
    }


def _agreement(result: AgreeResult) -> Sheet:
    found = result.agreement
    rows = [
        ("requests compared", str(found.compared)),
        ("worst", f"{found.worst:.6f}"),
        ("worst percent", f"{found.worst_percent:.6f}"),
        ("median", f"{found.median:.6f}"),
    ]
    if found.same_order is not None:
        rows.append(("same order of documents", f"{100 * found.same_order:.1f} %"))
    judged = None if result.least is None else f"{_passed(result.holds)}: asked {result.least:g}"
    notes = (judged, found.hint, f"worst text: {result.worst_text[:200]}")
    return Sheet(
        title=" and ".join(server.name for server in result.servers),
        headers=("cosine" if found.measure == "cosine" else "difference of scores", "value"),
        rows=tuple(rows),
        notes=(*filter(None, notes), *footing(result.conditions, result.work)),
    )


def _run(result: RunResult) -> Sheet:
    measured = result.measured
    server = measured.server
    verdict = measured.verdict
    judged = f"{result.rule}: {_passed(verdict.passed)}, {verdict.reason}" if verdict else None
    return Sheet(
        title=f"{server.name} ({server.dialect}), {describe(measured.arrivals)}",
        headers=("figure", "value"),
        rows=tuple(_rows(measured)),
        notes=tuple(
            filter(
                None,
                [
                    "interrupted: figures of the part that ran" if result.interrupted else None,
                    judged,
                    *_failures(measured),
                    *(f"warning: {warning}" for warning in measured.warnings),
                    *footing(result.conditions, result.work),
                ],
            )
        ),
    )


def _rows(measured: Measured) -> Iterable[tuple[str, str]]:
    summary = measured.summary
    yield "requests", f"{summary.requests}, {summary.answered} answered"
    yield "failures", _counts(summary)
    yield "answered", f"{summary.answered_per_s:.4g} requests/s, {summary.texts_per_s:.4g} texts/s"
    yield from _latency(summary)
    if measured.server_use:
        use = measured.server_use
        yield (
            "server CPU",
            f"{_number(use.cpu_ms_per_request)} ms/request, {use.cores_busy:.2f} cores",
        )
        yield "server memory", f"{use.memory_bytes / 2**20:.0f} MiB"
    for one in measured.gpus:
        used = f"{one.memory_bytes / 2**20:.0f} MiB"
        yield f"GPU {one.index}", f"{one.name}, busy {100 * one.busy_ratio:.0f} %, {used}"
    yield "client", _client(measured.client)
    if measured.verification:
        check = measured.verification
        yield "verified", f"{check.compared} answers, worst {check.measure} {check.worst:.5f}"


def _latency(summary: Summary) -> Iterable[tuple[str, str]]:
    if summary.latency:
        at = summary.latency
        points = (at.p50_s, at.p90_s, at.p99_s, at.p999_s, at.max_s)
        yield "p50 / p90 / p99 / p99.9 / max", f"{' / '.join(map(_milliseconds, points))} ms"
    if summary.goodput_per_s is not None:
        yield "goodput", f"{summary.goodput_per_s:.4g} requests/s within the objective"
    if summary.rejected_p99_s is not None:
        yield "rejected within (p99)", f"{_milliseconds(summary.rejected_p99_s)} ms"


def _search(result: SearchResult) -> Sheet:
    found = NONE if result.largest is None else f"{result.largest:g}"
    return Sheet(
        title=f"{result.server.name} ({result.server.dialect}): {found} {result.unit}",
        headers=(result.unit, "passed", "p90 ms", "p99 ms", "answered/s", "reason"),
        rows=tuple(
            (
                f"{probe.load:g}",
                _passed(probe.verdict.passed),
                _milliseconds(probe.summary.latency.p90_s if probe.summary.latency else None),
                _milliseconds(probe.summary.latency.p99_s if probe.summary.latency else None),
                f"{probe.summary.answered_per_s:.4g}",
                probe.verdict.reason,
            )
            for probe in result.probes
        ),
        notes=(
            f"rule: {result.rule}; result passed {result.limits.confirmations} times",
            f"client: {_client(result.client)}",
            *(f"warning: {warning}" for warning in result.warnings),
            *footing(result.conditions, result.work),
        ),
    )


def _ratios(result: CompareResult) -> Sheet:
    first = result.turns[0].server.name if result.turns else NONE
    return Sheet(
        title=f"ratios to {first} (95 % interval over rounds)",
        headers=("server", "figure", "ratio", "from", "to", "rounds"),
        rows=tuple(
            (
                compared.name,
                compared.figure,
                f"{compared.ratio.value:.3f} ×",
                f"{compared.ratio.low:.3f}",
                f"{compared.ratio.high:.3f}",
                str(compared.ratio.rounds),
            )
            for compared in result.ratios
        ),
    )


def _turns(result: CompareResult) -> Sheet:
    names = tuple(dict.fromkeys(turn.server.name for turn in result.turns))
    turns = {name: [t for t in result.turns if t.server.name == name] for name in names}
    load = describe(result.turns[0].arrivals) if result.turns else NONE
    warnings = dict.fromkeys(
        f"warning: {turn.server.name}: {warning}"
        for turn in result.turns
        for warning in turn.warnings
    )
    return Sheet(
        title=f"medians over rounds, {load}",
        headers=("server", *_FIGURES, "MiB", "failures"),
        rows=tuple((name, *_medians(turns[name])) for name in names),
        notes=(*warnings, *footing(result.conditions, result.work)),
    )


_FIGURES = ("requests/s", "p50 ms", "p90 ms", "p99 ms", "CPU ms")


def _medians(turns: Sequence[Measured]) -> tuple[str, ...]:
    medians = [_median([figures(turn)[name] for turn in turns]) for name in _FIGURES]
    memory = _median([t.server_use.memory_bytes / 2**20 if t.server_use else None for t in turns])
    failures = sum(sum(turn.summary.failures.values()) for turn in turns)
    return (*medians, memory, str(failures))


def _median(values: Sequence[float | None]) -> str:
    present = [value for value in values if value is not None]
    return _number(statistics.median(present)) if present else NONE


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left", title_style="bold")
    for position, header in enumerate(sheet.headers):
        table.add_column(header, justify="left" if position == 0 else "right", overflow="fold")
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _failures(measured: Measured) -> tuple[str, ...]:
    return tuple(
        f"{ending.replace('_', ' ')}: {'; '.join(few)}" for ending, few in measured.messages.items()
    )


def _counts(summary: Summary) -> str:
    counts = [f"{count} {name.replace('_', ' ')}" for name, count in summary.failures.items()]
    return ", ".join(counts) or "none"


def _client(client: ClientUse) -> str:
    plural = "process" if client.processes == 1 else "processes"
    busiest = f"{100 * client.busiest_ratio:.0f} %"
    return f"{client.processes} {plural}, the busiest at {busiest} of a core"


def _passed(passed: bool) -> str:
    return "passed" if passed else "failed"


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else _number(1000 * seconds)


def _number(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
