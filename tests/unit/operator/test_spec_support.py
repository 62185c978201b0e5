"""Fields this version cannot act on are refused by path, never ignored."""

import pytest

from retrieval_operator.spec import unsupported
from retrieval_operator.spec.support import GAPS
from tests.support.spec import service

ASKED = {
    "spec.placement": {"embedder": {}, "reranker": {}, "placement": "Shared"},
    "spec.embedder.precision": {"embedder": {"precision": "int8"}},
}


@pytest.mark.parametrize(("path", "spec"), ASKED.items(), ids=list(ASKED))
def test_what_cannot_be_done_is_named_with_a_way_out(path, spec):
    (gap,) = unsupported(service(spec))
    assert gap.path == path
    assert gap.got
    assert gap.remedy in str(gap)


def test_every_gap_is_asked_for_above():
    assert len(ASKED) == len(GAPS)


def test_everything_else_can_be_done():
    spec = {
        "suspend": True,
        "auth": {"apiKeysSecret": "keys"},
        "profile": "Throughput",
        "objective": {"requestsPerBurst": 500, "withinSeconds": 3},
        "expose": {"visibility": "External"},
        "monitoring": {"podMonitor": {"labels": {"release": "monitoring"}}},
        "embedder": {
            "gpu": {"memory": "24Gi", "products": ["NVIDIA-L4"], "count": 2},
            "autoscaling": {"maxReplicas": 8},
            "rollout": {"strategy": "Surge"},
            "prompts": {"query": "query: "},
        },
        "reranker": {"scoring": "YesNo"},
    }
    assert unsupported(service(spec)) == ()
