"""The command `retrieval-bench`: run, search, compare, agree, ceiling, report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from retrieval_bench.command_line import parse
from retrieval_bench.commands.agree import agree
from retrieval_bench.commands.ceiling import ceiling
from retrieval_bench.commands.compare import compare
from retrieval_bench.commands.run import run
from retrieval_bench.commands.search import search
from retrieval_bench.conditions import conditions
from retrieval_bench.errors import BenchError, UsageError
from retrieval_bench.orders import (
    AgreeOrder,
    CeilingOrder,
    CompareOrder,
    MeasuringOrder,
    Order,
    ReportOrder,
    RunOrder,
    SearchOrder,
)
from retrieval_bench.report import render
from retrieval_bench.results import (
    AgreeResult,
    CompareResult,
    Conditions,
    Measured,
    Result,
    RunResult,
    SearchResult,
    dump,
)
from retrieval_bench.screen import Screen

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; the exit code.

    0: done, and what was judged passed. 1: it was measured and failed, or could not be measured.
    2: the command is wrong. 130: interrupted; what was measured until then has been reported.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _carry_out(parse(words), words)
    except BenchError as error:
        print(f"retrieval-bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _carry_out(order: Order, words: Sequence[str]) -> int:
    if isinstance(order, ReportOrder):
        from retrieval_bench.commands.report import report  # noqa: PLC0415 - see _measure

        report(order)
        return 0
    result = _measure(order, conditions(words), Screen())
    _write(dump(result), order.bench.output)
    return _code(result)


def _measure(order: MeasuringOrder, facts: Conditions, screen: Screen) -> Result:
    """Carry out a command that measures, and print its tables.

    Client processes import this module too, so nothing that draws is imported at its top:
    matplotlib alone would take 40 MB of each.
    """
    match order:
        case RunOrder():
            result: Result = run(order, facts, screen)
        case SearchOrder():
            result = search(order, facts, screen)
        case CompareOrder():
            result = compare(order, facts, screen)
        case AgreeOrder():
            result = agree(order, facts, screen)
        case CeilingOrder():
            result = ceiling(order, facts, screen)
    screen.show(render(result))
    return result


def _write(text: bytes, output: Path | None) -> None:
    if output == Path("-"):
        sys.stdout.buffer.write(text)
    elif output:
        output.write_bytes(text)


def _code(result: Result) -> int:
    if result.interrupted:
        return INTERRUPTED
    match result:
        case RunResult():
            return int(not _holds(result.measured))
        case SearchResult():
            return int(not result.largest)
        case AgreeResult():
            return int(not result.holds)
        case CompareResult():
            return int(not all(_holds(turn) for turn in result.turns))


def _holds(measured: Measured) -> bool:
    judged = measured.verdict is None or measured.verdict.passed
    verified = measured.verification is None or measured.verification.agrees
    return judged and verified and measured.summary.answered > 0


if __name__ == "__main__":
    sys.exit(main())
