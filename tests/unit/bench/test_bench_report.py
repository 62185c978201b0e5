"""Tables and pages say what was measured, where, and what to doubt."""

from __future__ import annotations

import base64
import io
import re

import pytest
from rich.console import Console

from retrieval_bench.page import page
from retrieval_bench.plots import plots, png
from retrieval_bench.report import each, overview, render, sheets
from retrieval_bench.results import Result
from tests.support import bench_results as make

ALL: list[Result] = [make.run(), make.search(), make.compare()]


def words(result: Result) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render(result))
    return console.export_text()


def test_a_run_shows_its_figures_its_failures_and_its_command():
    text = words(make.run())
    for expected in (
        "burst 100 in 1 s",
        "3 rejected",
        "12.5 ms/request",
        "90 % answered within 3 s, no errors: failed, 3 failed",
        "rejected: rejected with 429",
        "warning: something",
        "retrieval-bench run http://h",
        "interrupted",
    ):
        assert (expected in text) == (expected != "interrupted")


def test_an_interrupted_run_says_so():
    assert "interrupted" in words(make.run(interrupted=True))


def test_a_search_shows_every_probe_and_its_rule():
    text = words(make.search())
    assert "server (openai): 100 requests in 1 s" in text
    assert text.count("within 3 s") >= 2


def test_a_comparison_shows_ratios_with_their_intervals():
    text = words(make.compare())
    assert re.search(r"theirs .*requests/s .*2\.000 × .*1\.900 .*2\.100", text)


def test_a_page_needs_nothing_from_elsewhere_and_trusts_no_name():
    html = page([make.run(name="<script>"), *ALL])
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r'(src|href)="(?!data:)', html)
    images = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert len(images) == len(plots([make.run(name="other"), *ALL]))
    assert all(b"<svg" in base64.b64decode(image) for image in images)


def test_a_page_fits_a_phone_and_scrolls_no_table_but_wide_ones():
    html = page(ALL)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert html.count('<div class="table">') == sum(len(one.headers) > 2 for one in each(ALL))


def test_several_runs_are_shown_side_by_side_and_one_alone_is_not():
    (sheet,) = overview([make.run(), make.run(name="other")])
    assert [row[:3] for row in sheet.rows] == [
        ("server", "q8", "burst 100 in 1 s"),
        ("other", "q8", "burst 100 in 1 s"),
    ]
    assert overview([make.run()]) == ()


def test_throughput_is_plotted_for_loads_of_one_server_and_workload_alone():
    title = "p99 against throughput"
    assert title in {plot.title for plot in plots([make.run(), make.run()])}
    assert title not in {plot.title for plot in plots([make.run(), make.run(name="other")])}


def test_every_result_has_a_table_and_a_plot():
    for result in ALL:
        assert sheets(result)
        assert plots([result])


def test_all_plots_fit_one_picture():
    assert png(plots(ALL)).startswith(b"\x89PNG")


@pytest.mark.parametrize("result", ALL, ids=lambda result: result.kind)
def test_the_conditions_are_below_every_kind_of_result(result):
    text = words(result)
    assert "Some CPU, 2 cores" in text
    assert "seed 7" in text
