"""The command line: words in, an order out, and nothing is sent yet."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from retrieval_bench import __version__, targets
from retrieval_bench.arrivals import Arrivals, Burst, Closed, Constant, Poisson, Stop
from retrieval_bench.corpus import Corpus, Lines, Synthetic, workload
from retrieval_bench.errors import BadCommand
from retrieval_bench.options import (
    DEFAULT_DURATION_S,
    agree_options,
    ceiling_options,
    compare_options,
    report_options,
    run_options,
    search_options,
)
from retrieval_bench.orders import (
    AgreeOrder,
    Bench,
    CeilingOrder,
    CompareOrder,
    Order,
    ReportOrder,
    RunOrder,
    SearchOrder,
)
from retrieval_bench.results import Work
from retrieval_bench.search import Limits, Rule
from retrieval_bench.targets import Target

_DEFAULT_CONNECTIONS = 8
_BURST_RULE = Rule()
_SEEDS = 10**6
"""Seeds to draw from: few enough to be typed again, and no text is sent twice by accident."""


def parse(arguments: Sequence[str]) -> Order:
    """The order that these words give.

    Raises:
        UsageError: They contradict themselves or name something that does not exist.
        SystemExit: They are no command at all, or ask for help.
    """
    options = _parser().parse_args(arguments)
    order: Order = options.order(options)
    return order


def _parser() -> ArgumentParser:
    parser = ArgumentParser("retrieval-bench", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, help_text, fill, order in _COMMANDS:
        command = commands.add_parser(name, help=help_text, description=help_text)
        fill(command)
        command.set_defaults(order=order)
    return parser


_DESCRIPTION = "Load servers of embeddings and scores, check every answer, and compare servers."


def _run_order(options: Namespace) -> RunOrder:
    arrivals = _arrivals(options)
    return RunOrder(
        bench=_bench(options),
        target=_target(options),
        arrivals=arrivals,
        stop=_stop(options),
        rule=_rule(options, _BURST_RULE if isinstance(arrivals, Burst) else None),
    )


def _search_order(options: Namespace) -> SearchOrder:
    rule = _rule(options, _BURST_RULE if options.by == "burst" else None)
    if rule is None:
        raise BadCommand("a search by rate needs --within, the seconds that answers may take")
    step = max(1.0, round(options.step)) if options.by == "burst" else options.step
    limits = Limits(
        start=max(1, round(options.start / step)),
        ceiling=max(1, round(options.ceiling / step)),
        resolution=options.resolution,
        confirmations=options.confirmations,
    )
    target, bench = _target(options), _bench(options)
    return SearchOrder(bench, target, options.by, rule, limits, step, options.probe_duration)


def _compare_order(options: Namespace) -> CompareOrder:
    headers = tuple(options.header)
    compared = tuple(targets.parse(words, headers) for words in options.target)
    if len({target.name for target in compared}) < max(2, len(compared)):
        raise BadCommand("compare needs two targets or more, each with a name of its own")
    arrivals = _arrivals(options)
    return CompareOrder(
        bench=_bench(options),
        targets=compared,
        arrivals=arrivals,
        stop=_stop(options),
        rule=_rule(options, _BURST_RULE if isinstance(arrivals, Burst) else None),
        rounds=options.rounds,
    )


def _agree_order(options: Namespace) -> AgreeOrder:
    headers = tuple(options.header)
    pair = tuple(targets.parse(words, headers) for words in options.target)
    if len(pair) != 2:
        raise BadCommand(f"agree compares two targets, and {len(pair)} are named")
    return AgreeOrder(_bench(options), (pair[0], pair[1]), options.requests, options.least)


def _ceiling_order(options: Namespace) -> CeilingOrder:
    return CeilingOrder(
        bench=_bench(options),
        arrivals=Closed(options.concurrency),
        stop=Stop(duration_s=options.duration),
        dialect=options.dialect,
        dimensions=options.dimensions,
    )


def _report_order(options: Namespace) -> ReportOrder:
    return ReportOrder(tuple(options.results), options.output)


def _target(options: Namespace) -> Target:
    return Target(
        name=options.name or urlsplit(options.url).netloc,
        url=options.url,
        dialect=options.dialect,
        model=options.model,
        pids=tuple(options.pid),
        template=options.template,
        answer=options.answer,
        input_name=options.input_name,
        headers=tuple(options.header),
    )


def _arrivals(options: Namespace) -> Arrivals:
    if options.rate:
        return Constant(options.rate)
    if options.poisson:
        return Poisson(options.poisson)
    if options.burst:
        return Burst(options.burst)
    return Closed(options.concurrency or _DEFAULT_CONNECTIONS)


def _stop(options: Namespace) -> Stop:
    if getattr(options, "burst", None) and (options.requests or options.duration):
        raise BadCommand("a burst ends by itself; leave out --requests and --duration")
    if options.requests is None and options.duration is None:
        return Stop(duration_s=DEFAULT_DURATION_S)
    return Stop(options.requests, options.duration)


def _rule(options: Namespace, default: Rule | None) -> Rule | None:
    within_s = options.within or (default.within_s if default else None)
    if within_s is None and (options.quantile or options.allow_rejections):
        raise BadCommand(
            "--quantile and --allow-rejections need --within, the seconds to answer in"
        )
    if within_s is None:
        return None
    quantile = options.quantile or (0.99 if getattr(options, "by", "") == "rate" else 0.9)
    return Rule(quantile, within_s, options.allow_rejections)


def _bench(options: Namespace) -> Bench:
    shape = workload(options.workload)
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    corpus: Corpus = Synthetic(shape, options.texts, seed, options.distinct)
    if options.corpus:
        corpus = Lines(_lines(options.corpus), options.texts)
    work = Work(
        workload=str(options.corpus or options.workload),
        texts_per_request=options.texts,
        seed=seed,
        distinct=None if options.corpus else options.distinct,
        timeout_s=options.timeout,
        warmup_requests=options.warmup,
    )
    return Bench(corpus, work, options.client_processes, not options.no_verify, options.output)


def _lines(path: Path) -> tuple[str, ...]:
    lines = tuple(line for line in path.read_text().splitlines() if line.strip())
    if not lines:
        raise BadCommand(f"{path} has no texts")
    return lines


_COMMANDS = (
    ("run", "one load on one server", run_options, _run_order),
    ("search", "the largest burst or rate that still passes", search_options, _search_order),
    ("compare", "servers in turn under one load, and ratios", compare_options, _compare_order),
    ("agree", "whether two servers give the same answers", agree_options, _agree_order),
    ("ceiling", "how fast this client itself is here", ceiling_options, _ceiling_order),
    ("report", "results as one page or picture", report_options, _report_order),
)
