"""Metrics of services come from their statuses, and go when the services go."""

from retrieval_operator.metrics import PREFIX, Metrics, Reading
from retrieval_operator.world import SERVICE
from tests.support.operating import KEY, Bench


def scraped(bench: Bench) -> str:
    metrics = Metrics()
    metrics.watch(bench.cluster.world, (Reading("leader", "1 while it leads.", lambda: 1.0),))
    metrics.passed("done", 0.01)
    metrics.requested("PATCH", 200)
    metrics.applied("InferenceService", "applied")
    metrics.status_written()
    return metrics.exposition().decode()


def test_a_service_is_told_by_conditions_pods_and_plan():
    text = scraped(Bench().running())
    where = 'namespace="search",service="docs"'
    assert f'{PREFIX}condition{{{where},type="Ready"}} 1.0' in text
    assert f'{PREFIX}planned_max_batch_tokens{{component="embedder",{where}}}' in text
    assert f'{PREFIX}planned_memory_bytes{{component="embedder",memory="gpu",{where}}}' in text
    assert f"{PREFIX}leader 1.0" in text
    assert f'{PREFIX}reconcile_total{{result="done"}} 1.0' in text


def test_a_service_that_is_gone_leaves_no_series():
    bench = Bench().running()
    found = bench.cluster.world.service(KEY)
    assert found is not None
    bench.cluster.world.drop(SERVICE, found)
    assert 'service="docs"' not in scraped(bench)
