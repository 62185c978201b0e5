"""What is written can be read again, and nothing else passes for it."""

from __future__ import annotations

import orjson
import pytest

from retrieval_bench import results, stats
from retrieval_bench.errors import UnreadableResult
from retrieval_bench.results import SearchResult
from tests.support import bench_results as make

RESULTS = [make.run(), make.run(interrupted=True), make.search(), make.compare()]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.kind)
def test_a_result_survives_its_file(result, tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(results.dump(result))
    assert results.load(path) == result


def test_the_version_and_the_kind_are_in_the_file():
    written = orjson.loads(results.dump(make.search()))
    assert (written["schema"], written["kind"]) == ("retrieval-bench/1", "search")
    assert isinstance(make.search(), SearchResult)


def test_a_run_without_answers_survives_too(tmp_path):
    nothing = make.run(summary=stats.summarise(make.NOTHING, 1, 3.0))
    (tmp_path / "result.json").write_bytes(results.dump(nothing))
    assert results.load(tmp_path / "result.json") == nothing


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"schema": "retrieval-bench/2", "kind": "run"}']
)
def test_another_file_is_refused_by_name(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableResult, match=r"other\.json is not a result of this version"):
        results.load(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(UnreadableResult, match="No such file"):
        results.load(tmp_path / "none.json")
