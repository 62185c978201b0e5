"""Results as plots: one by one as SVG for a page, or all together as one PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from retrieval_bench.arrivals import describe
from retrieval_bench.results import CompareResult, Result, RunResult, SearchResult

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart with any colour vision. Source: M. Okabe, K. Ito, "Color Universal Design", 2008."""

_WIDTH, _HEIGHT = 6.0, 4.0
"""Inches; a plot as wide as a phone still has letters that can be read."""

_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.alpha": 0.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "retrieval-bench",
}

Axes = Any


@dataclass(frozen=True, slots=True)
class Plot:
    """A title and what draws it."""

    title: str
    draw: Callable[[Axes], None]


def plots(results: Sequence[Result]) -> tuple[Plot, ...]:
    """The plots that these results have data for."""
    runs = [result for result in results if isinstance(result, RunResult)]
    found: list[Plot] = []
    if runs:
        found.append(Plot("Latency by quantile", lambda axes: _curves(axes, _named(runs))))
        found.append(Plot("Answers and failures over time", lambda axes: _timeline(axes, runs)))
    if groups := _swept(runs):
        found.append(Plot("p99 against throughput", lambda axes: _frontier(axes, groups)))
    for result in results:
        found += _of(result)
    return tuple(found)


def svg(plot: Plot) -> bytes:
    """One plot as SVG."""
    return _save([plot], "svg")


def png(shown: Sequence[Plot]) -> bytes:
    """All plots under one another as PNG."""
    return _save(shown, "png")


def _of(result: Result) -> Iterable[Plot]:
    if isinstance(result, SearchResult):
        yield Plot(f"Search: {result.server.name}", lambda axes: _probes(axes, result))
    if isinstance(result, CompareResult) and result.turns:
        base = result.turns[0].server.name
        last = {turn.server.name: turn.curve for turn in result.turns}
        yield Plot(f"Ratios to {base}", lambda axes: _ratios(axes, result))
        yield Plot("Latency by quantile, last round", lambda axes: _curves(axes, last))


def _save(shown: Sequence[Plot], form: str) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT * len(shown)), layout="constrained")
        for axes, plot in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
            axes.set_title(plot.title, loc="left", fontweight="bold")
            plot.draw(axes)
        figure.savefig(
            buffer, format=form, dpi=120, metadata={"Date": None} if form == "svg" else {}
        )
    return buffer.getvalue()


def _named(runs: Sequence[RunResult]) -> dict[str, tuple[tuple[float, float], ...]]:
    return {_label(run): run.measured.curve for run in runs}


def _label(run: RunResult) -> str:
    return f"{_subject(run)}, {describe(run.measured.arrivals)}"


def _subject(run: RunResult) -> str:
    return f"{run.measured.server.name} {run.work.workload}"


def _swept(runs: Sequence[RunResult]) -> dict[str, list[tuple[float, float]]]:
    """Requests/s and p99 in ms of each server and workload that had more than one load."""
    points: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        summary = run.measured.summary
        if summary.latency:
            point = (summary.answered_per_s, 1000 * summary.latency.p99_s)
            points.setdefault(_subject(run), []).append(point)
    return {name: sorted(several) for name, several in points.items() if len(several) > 1}


def _curves(axes: Axes, curves: dict[str, tuple[tuple[float, float], ...]]) -> None:
    for colour, (name, curve) in zip(_colours(), curves.items(), strict=False):
        if curve:
            tail = [1 / max(1 - q, 1e-5) for q, _ in curve]
            axes.plot(tail, [1000 * s for _, s in curve], color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="share of answers", ylabel="answered within, ms")
    axes.set_xticks([2, 10, 100, 1000, 10_000], ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"])
    axes.xaxis.set_minor_locator(NullLocator())
    _decades(axes.yaxis)
    _legend(axes)


def _decades(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5 of each decade: few enough to be read apart."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def _timeline(axes: Axes, runs: Sequence[RunResult]) -> None:
    for colour, run in zip(_colours(), runs, strict=False):
        name, over = _label(run), run.measured.timeline
        axes.step(over.second, over.answered, where="post", color=colour, label=name)
        if any(over.failed):
            axes.step(
                over.second, over.failed, ":", where="post", color=colour, label=f"{name}, failed"
            )
    axes.set(xlabel="seconds since the first request", ylabel="requests/s", ylim=(0, None))
    _legend(axes)


def _frontier(axes: Axes, groups: dict[str, list[tuple[float, float]]]) -> None:
    for colour, (name, points) in zip(_colours(), groups.items(), strict=False):
        axes.plot(*np.array(points).T, "o-", color=colour, label=name)
    axes.set(xlabel="answered requests/s", ylabel="p99, ms", xlim=(0, None), ylim=(0, None))
    _legend(axes)


def _probes(axes: Axes, result: SearchResult) -> None:
    for passed, marker, colour in ((True, "o", COLOURS[2]), (False, "x", COLOURS[1])):
        probes = [probe for probe in result.probes if probe.verdict.passed is passed]
        axes.plot(
            [probe.load for probe in probes],
            [100 * probe.verdict.in_time for probe in probes],
            marker,
            color=colour,
            label="passed" if passed else "failed",
        )
    axes.axhline(100 * result.rule.quantile, color="grey", linestyle="--")
    if result.largest:
        axes.axvline(result.largest, color=COLOURS[0], label=f"{result.largest:g}")
    within = f"% answered within {result.rule.within_s:g} s"
    axes.set(xscale="log", xlabel=result.unit, ylabel=within)
    _decades(axes.xaxis)
    _legend(axes)


def _ratios(axes: Axes, result: CompareResult) -> None:
    rows = list(reversed(result.ratios))
    for row, compared in enumerate(rows):
        ratio = compared.ratio
        axes.plot([ratio.low, ratio.high], [row, row], color=COLOURS[0])
        axes.plot(ratio.value, row, "o", color=COLOURS[0])
    axes.axvline(1, color="grey", linestyle="--")
    axes.set_yticks(range(len(rows)), [f"{one.name}: {one.figure}" for one in rows])
    axes.set(xscale="log", xlabel="ratio, 95 % interval")
    _decades(axes.xaxis)


def _legend(axes: Axes) -> None:
    """Names of the series below the plot, where they hide none of it."""
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0, frameon=False)


def _colours() -> Iterable[str]:
    while True:
        yield from COLOURS
