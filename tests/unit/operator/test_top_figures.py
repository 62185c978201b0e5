"""`retrieval top` turns two metrics pages into rates, means, quantiles and memory."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from retrieval_operator.cli import sources, top
from retrieval_operator.cli.documents import BadFile
from retrieval_operator.cli.top_figures import figures, memory
from retrieval_operator.cli.top_page import Page, grown, mean, quantile, read_page
from retrieval_operator.cli.top_view import count, seconds, view
from retrieval_operator.local.launch import launches

GIB = 2**30
WAIT = "retrieval_queue_wait_seconds"


def page(text: str = "", at_s: float = 0.0) -> Page:
    return read_page(text, at_s)


def histogram(name: str, counts: dict[str, int], total: float = 0.0, labels: str = "") -> str:
    """A histogram's lines with these cumulative counts."""
    lines = [f'{name}_bucket{{{labels}le="{bound}"}} {n}' for bound, n in counts.items()]
    return "\n".join(
        [f"# TYPE {name} histogram", *lines, f"{name}_sum {total}", f"{name}_count {n_of(counts)}"]
    )


def n_of(counts: dict[str, int]) -> int:
    return max(counts.values())


def test_a_rate_is_what_was_counted_over_the_time_between():
    text = '# TYPE retrieval_requests counter\nretrieval_requests_total{{code="200"}} {}\n'
    made = figures(page(text.format(100), 10.0), page(text.format(150), 12.0))
    assert made.requests_per_s == 25.0


def test_a_counter_that_fell_belongs_to_a_new_process_and_counts_from_zero():
    text = "# TYPE x counter\nx_total {}\n"
    assert grown(page(text.format(100)), page(text.format(7)), "x_total") == 7


def test_only_server_faults_count_as_faults():
    text = "# TYPE retrieval_requests counter\n" + "".join(
        f'retrieval_requests_total{{code="{code}"}} {n}\n'
        for code, n in (("200", 5), ("429", 3), ("500", 2), ("503", 1))
    )
    assert figures(page(), page(text, 1.0)).failed_per_s == pytest.approx(3.0)


def test_a_mean_is_of_the_observations_between_the_pages():
    before = histogram(WAIT, {"+Inf": 2}, total=10.0)
    after = histogram(WAIT, {"+Inf": 6}, total=12.0)
    assert mean(page(before), page(after), WAIT) == 0.5


def test_without_an_observation_there_is_no_mean_and_no_quantile():
    text = page(histogram(WAIT, {"1.0": 3, "+Inf": 3}, total=1.0))
    assert mean(text, text, WAIT) is None
    assert quantile(text, text, WAIT, 0.99) is None
    assert quantile(page(), page(), WAIT, 0.99) is None


def test_a_quantile_is_interpolated_inside_its_bucket():
    text = histogram(WAIT, {"1.0": 50, "2.0": 100, "+Inf": 100})
    assert quantile(page(), page(text), WAIT, 0.75) == pytest.approx(1.5)


def test_a_quantile_above_the_last_bound_is_that_bound():
    text = histogram(WAIT, {"1.0": 50, "+Inf": 100})
    assert quantile(page(), page(text), WAIT, 0.99) == 1.0


def test_lanes_are_one_histogram():
    lanes = "\n".join(
        f'{WAIT}_bucket{{lane="{lane}",le="{bound}"}} {n}'
        for lane, bound, n in (("query", "1.0", 10), ("query", "+Inf", 10), ("bulk", "1.0", 0))
    )
    text = f'# TYPE {WAIT} histogram\n{lanes}\n{WAIT}_bucket{{lane="bulk",le="+Inf"}} 10\n'
    assert page(text).buckets(WAIT) == {1.0: 10.0, float("inf"): 20.0}


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_observation_it_stands_for(observed, q):
    bounds = [0.001, 0.01, 0.1, 1.0, 5.0, 30.0]
    counts = {str(bound): sum(value <= bound for value in observed) for bound in bounds}
    text = histogram(WAIT, {**counts, "+Inf": len(observed)})
    found = quantile(page(), page(text), WAIT, q)
    assert found is not None
    rank = q * len(observed)
    upper = min(bound for bound in bounds if counts[str(bound)] >= rank)
    lower = max([0.0, *(bound for bound in bounds if bound < upper)])
    assert lower <= found <= upper + 1e-9


def test_memory_is_the_processes_on_a_cpu_and_the_reserved_on_a_gpu():
    kinds = 'retrieval_gpu_memory_bytes{kind="planned"} 4e9\n'
    resident = "# TYPE retrieval_process_memory_bytes gauge\n" + "".join(
        f'retrieval_process_memory_bytes{{process="{part}",pid="{n}"}} 1e9\n'
        for n, part in enumerate(("engine", "worker", "supervisor"))
    )
    on_cpu = memory(page(kinds + resident))
    assert (on_cpu.kind, on_cpu.measured_bytes, on_cpu.planned_bytes) == ("RSS", 3e9, 4e9)
    gpu = (
        'retrieval_gpu_memory_bytes{kind="reserved"} 3.5e9\n'
        'retrieval_gpu_memory_bytes{kind="total"} 24e9\n'
    )
    on_gpu = memory(page(kinds + gpu + resident))
    assert (on_gpu.kind, on_gpu.measured_bytes, on_gpu.total_bytes) == ("VRAM", 3.5e9, 24e9)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.00725, "7.25 ms"), (0.5, "500 ms"), (1.234, "1.23 s")]
)
def test_durations_have_three_digits(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0, "0"), (1.5, "1.5"), (12345.6, "12,346")]
)
def test_large_numbers_have_their_thousands_set_apart(value, text):
    assert count(value) == text


def test_the_table_names_who_does_not_answer_and_why():
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(view({"embedder": figures(page(), page()), "reranker": "no route"}, 2.0))
    shown = console.export_text()
    assert "reranker: no answer, no route" in shown
    assert "queue wait p50 / p99" in shown


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    top.add_arguments(parser)
    return parser.parse_args(words)


def test_urls_may_leave_out_the_scheme():
    assert top.targets(arguments("host:9000", "https://other/")) == {
        "host:9000": "http://host:9000",
        "other/": "https://other",
    }


def test_an_object_is_watched_where_run_serves_it():
    parser = argparse.ArgumentParser()
    sources.add_arguments(parser)
    name = "manifests/quickstart.yaml"
    (planned,) = sources.read_plans(parser.parse_args(["-f", name]))
    served = {
        launch.name.value: launch.url for launch in launches(planned.service, planned.plans, 9000)
    }
    assert top.targets(arguments("-f", name, "--port-base", "9000")) == served


def test_a_file_with_two_objects_is_refused(tmp_path):
    text = Path("manifests/quickstart.yaml").read_text(encoding="utf-8")
    both = tmp_path / "both.yaml"
    both.write_text(f"{text}\n---\n{text}")
    with pytest.raises(BadFile, match="has 2 objects, top takes one"):
        top.targets(arguments("-f", str(both)))


def test_a_page_in_another_format_is_refused():
    with pytest.raises(ValueError, match="invalid metric name"):
        page("<html>not found</html>")
