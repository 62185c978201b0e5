"""A client process that dies is noticed, with its code, and takes no figure for granted."""

from __future__ import annotations

import pytest

from retrieval_bench.arrivals import Closed, Stop
from retrieval_bench.corpus import Synthetic, workload
from retrieval_bench.errors import ClientDied
from retrieval_bench.fleet import fleet
from retrieval_bench.shard import Assignment
from retrieval_bench.targets import Target


def test_a_client_process_that_died_is_noticed_with_its_code():
    corpus = Synthetic(workload("q8"), 1, 0)
    target = Target("nowhere", "http://127.0.0.1:9")
    assignment = Assignment(target, corpus, Closed(1), Stop(requests=1), 0, 1.0)
    with fleet(1) as clients:
        clients.processes[0].kill()
        with pytest.raises(ClientDied, match="code -9"):
            clients.run(assignment, lambda _: None)
