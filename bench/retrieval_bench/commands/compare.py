"""`compare`: several servers in turn, so that whatever drifts drifts for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from retrieval_bench import stats
from retrieval_bench.corpus import in_other_words
from retrieval_bench.fleet import fleet
from retrieval_bench.measure import Lab, check, measure, named, warm_up
from retrieval_bench.orders import CompareOrder
from retrieval_bench.report import figures
from retrieval_bench.results import Compared, CompareResult, Conditions, Measured
from retrieval_bench.screen import Screen
from retrieval_bench.targets import Target


def compare(order: CompareOrder, conditions: Conditions, screen: Screen) -> CompareResult:
    """Load each target once a round, with requests as long as the others', and take ratios.

    Raises:
        ServerSilent: One of them answered no warm-up request.
    """
    order = replace(order, targets=tuple(map(named, order.targets)))
    bench = order.bench
    turns: list[Measured] = []
    interrupted = False
    for target in order.targets:
        check(target)
    with fleet(bench.client_processes) as clients:
        lab = Lab(clients, bench.corpus, bench.work, bench.verify)
        for target in order.targets:
            warm_up(_on(lab, target, order), target)
        for members in rounds(order.targets, order.rounds):
            some, interrupted = _round(lab, members, order, screen)
            turns += some
            if interrupted:
                break
    ratios = tuple(_ratios(turns, order.targets, bench.work.seed))
    return CompareResult(conditions, bench.work, order.rule, tuple(turns), ratios, interrupted)


def rounds(targets: Sequence[Target], count: int) -> Iterable[Sequence[Target]]:
    """The targets in turn, every second round backwards: A B, B A, A B and so on.

    With the same order in each round, a machine that slows steadily would favour the first.
    """
    for number in range(count):
        yield targets if number % 2 == 0 else targets[::-1]


def _round(
    lab: Lab, members: Sequence[Target], order: CompareOrder, screen: Screen
) -> tuple[list[Measured], bool]:
    """One turn each with requests of the same lengths; interrupted turns are left out."""
    first, furthest = lab.next_index, lab.next_index
    turns: list[Measured] = []
    for target in members:
        _on(lab, target, order).next_index = first
        with screen.progress(target.name, order.arrivals, order.stop) as show:
            measured, interrupted = measure(
                lab, target, order.arrivals, order.stop, order.rule, show
            )
        if interrupted:
            return turns, True
        screen.say(_line(measured))
        turns.append(measured)
        furthest = max(furthest, lab.next_index)
    lab.next_index = furthest
    return turns, False


def _on(lab: Lab, target: Target, order: CompareOrder) -> Lab:
    """The lab with texts of this target's own, as long as those of the others."""
    lab.corpus = in_other_words(order.bench.corpus, order.targets.index(target))
    return lab


def _line(turn: Measured) -> str:
    values = [f"{name} {value:.4g}" for name, value in figures(turn).items() if value is not None]
    failed = sum(turn.summary.failures.values())
    return f"{turn.server.name}: {', '.join(values)}" + (f", {failed} failed" if failed else "")


def _ratios(turns: Sequence[Measured], targets: Sequence[Target], seed: int) -> Iterable[Compared]:
    base = [figures(turn) for turn in turns if turn.server.name == targets[0].name]
    for target in targets[1:]:
        theirs = [figures(turn) for turn in turns if turn.server.name == target.name]
        for figure in base[0] if base else ():
            pairs = [
                (mine[figure], other[figure]) for other, mine in zip(base, theirs, strict=False)
            ]
            whole = [(a, b) for a, b in pairs if a is not None and b is not None]
            if whole:
                ours, bases = zip(*whole, strict=True)
                yield Compared(target.name, figure, stats.ratio(ours, bases, seed))
