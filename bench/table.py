"""Comparisons as one table in Markdown, and as one small picture.

    python bench/table.py bench/results/peers/*.json -o table.md -p picture.png

Each file is one cell: the same load on every server in turn. Medians over the rounds; ratios are
those of the files, turned round, so that more than 1 is in favour of the first server.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from retrieval_bench.arrivals import describe
from retrieval_bench.plots import COLOURS
from retrieval_bench.results import CompareResult, load
from retrieval_bench.stats import Ratio


def main() -> None:
    """Write the table, and the picture where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("-p", "--picture", type=Path)
    arguments = parser.parse_args()
    cells = read(arguments.results)
    if not cells:
        sys.exit("none of these files holds a comparison")
    written = table(cells)
    print(written)
    if arguments.output:
        arguments.output.write_text(written, encoding="utf-8")
    if arguments.picture:
        picture(cells, arguments.picture)


def read(paths: Sequence[Path]) -> list[CompareResult]:
    """The comparisons in these files, in the order given."""
    results = [load(path) for path in paths]
    return [one for one in results if isinstance(one, CompareResult)]


def table(cells: Sequence[CompareResult]) -> str:
    """A row a cell: what the first server does, and how often more that is than each other's."""
    peers = _peers(cells)
    ours = cells[0].turns[0].server.name
    head = ["load", f"{ours}: requests/s", "p50 ms", "CPU ms", *(f"÷ {peer}" for peer in peers)]
    rows = [[_name(cell), *_figures(cell), *(_told(cell, one) for one in peers)] for cell in cells]
    lines = [head, ["---"] * len(head), *rows]
    where = cells[0].conditions
    rounds = max(one.ratio.rounds for cell in cells for one in cell.ratios)
    note = f"{where.date[:10]}, {where.cpu}, {where.cores} cores, {rounds} rounds in turn; "
    note += "ratios of requests/s with their interval of 95 %."
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{note}\n"


def picture(cells: Sequence[CompareResult], path: Path) -> None:
    """A dot a cell and server: how many times its requests/s the first one answers."""
    peers, style = _peers(cells), {"axes.spines.right": False, "axes.spines.top": False}
    with mpl.rc_context({**style, "font.size": 9}):
        figure = Figure(figsize=(7.0, 0.9 + 0.36 * len(cells)), layout="constrained")
        axes = figure.subplots()
        for number, (peer, colour) in enumerate(zip(peers, COLOURS, strict=False)):
            for row, cell in enumerate(reversed(cells)):
                if (ratio := _ratio(cell, peer)) is None:
                    continue
                height = row + 0.12 * (number - (len(peers) - 1) / 2)
                axes.plot([1 / ratio.high, 1 / ratio.low], [height] * 2, color=colour, lw=1)
                label = peer if row == 0 else None
                axes.plot(1 / ratio.value, height, "o", color=colour, ms=4, label=label)
        axes.axvline(1, color="grey", lw=0.8)
        axes.set_xscale("log")
        ticks = (1, 2, 5, 10, 20)
        axes.set_xticks(ticks, [f"{tick} ×" for tick in ticks])
        axes.minorticks_off()
        axes.set_yticks(range(len(cells)), [_name(cell) for cell in reversed(cells)])
        axes.set_xlabel("requests/s, times those of the other server")
        axes.grid(axis="x", alpha=0.3)
        axes.legend(frameon=False, ncols=len(peers), loc="lower center", bbox_to_anchor=(0.45, 1))
        figure.savefig(path, dpi=110)


def _peers(cells: Sequence[CompareResult]) -> list[str]:
    names = [turn.server.name for cell in cells for turn in cell.turns]
    return [name for name in dict.fromkeys(names) if name != names[0]]


def _name(cell: CompareResult) -> str:
    texts = cell.work.texts_per_request
    several = f"{texts} × " if texts > 1 else ""
    return f"{several}{cell.work.workload}, {describe(cell.turns[0].arrivals)}"


def _figures(cell: CompareResult) -> list[str]:
    """Requests/s, milliseconds of the median and of CPU a request, of the first server."""
    first = [turn for turn in cell.turns if turn.server.name == cell.turns[0].server.name]
    rates = [turn.summary.answered_per_s for turn in first]
    waits = [1e3 * turn.summary.latency.p50_s for turn in first if turn.summary.latency]
    costs = [
        turn.server_use.cpu_ms_per_request
        for turn in first
        if turn.server_use and turn.server_use.cpu_ms_per_request
    ]
    return [f"{statistics.median(some):.3g}" if some else "–" for some in (rates, waits, costs)]


def _told(cell: CompareResult, peer: str) -> str:
    ratio = _ratio(cell, peer)
    if ratio is None:
        return "–"
    return f"{1 / ratio.value:.2f} × ({1 / ratio.high:.2f} to {1 / ratio.low:.2f})"


def _ratio(cell: CompareResult, peer: str) -> Ratio | None:
    found = (one for one in cell.ratios if (one.name, one.figure) == (peer, "requests/s"))
    return next((one.ratio for one in found if one.ratio.low > 0), None)


if __name__ == "__main__":
    main()
