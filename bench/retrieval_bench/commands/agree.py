"""`agree`: whether two servers give the same texts the same vectors or scores."""

from __future__ import annotations

from retrieval_bench.agreement import agreement
from retrieval_bench.arrivals import Closed, Stop
from retrieval_bench.errors import NothingToCompare
from retrieval_bench.fleet import fleet
from retrieval_bench.measure import Lab, check, named, server
from retrieval_bench.orders import AgreeOrder
from retrieval_bench.results import AgreeResult, Conditions
from retrieval_bench.screen import Screen


def agree(order: AgreeOrder, conditions: Conditions, screen: Screen) -> AgreeResult:
    """Send the same requests to both, a few at a time, and compare the answers.

    Raises:
        NothingToCompare: No request was answered by both.
        OtherLengths: Their answers are not of the same shape.
    """
    bench, pair = order.bench, tuple(map(named, order.targets))
    for target in pair:
        check(target)
    answers = []
    with fleet(1) as clients:
        lab = Lab(clients, bench.corpus, bench.work, verify=False)
        for target in pair:
            with screen.progress(target.name, Closed(4), Stop(order.requests)) as show:
                answers.append(lab.rows(target, order.requests, show))
    found = agreement(*answers)
    if found is None:
        raise NothingToCompare(order.requests, *(len(kept) for kept in answers))
    worst = bench.corpus.request(found.worst_request)
    servers = (server(pair[0]), server(pair[1]))
    return AgreeResult(conditions, bench.work, servers, found, worst.texts[0], order.least)
