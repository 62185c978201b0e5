"""Words become an order, or a sentence that says what is wrong with them."""

from __future__ import annotations

import pytest

from retrieval_bench.arrivals import Burst, Closed, Constant, Poisson, Stop
from retrieval_bench.command_line import parse
from retrieval_bench.conditions import command
from retrieval_bench.corpus import Lines, Synthetic
from retrieval_bench.errors import UsageError
from retrieval_bench.orders import AgreeOrder, CompareOrder, ReportOrder, RunOrder, SearchOrder
from retrieval_bench.search import Limits, Rule

URL = "http://localhost:8080"


def run(*words: str) -> RunOrder:
    order = parse(["run", URL, *words])
    assert isinstance(order, RunOrder)
    return order


def search(*words: str) -> SearchOrder:
    order = parse(["search", *words])
    assert isinstance(order, SearchOrder)
    return order


@pytest.mark.parametrize(
    ("words", "arrivals"),
    [
        ([], Closed(8)),
        (["--concurrency", "32"], Closed(32)),
        (["--rate", "2.5"], Constant(2.5)),
        (["--poisson", "100"], Poisson(100)),
        (["--burst", "500"], Burst(500)),
    ],
)
def test_a_load_is_named_by_its_option(words, arrivals):
    assert run(*words).arrivals == arrivals


def test_a_load_without_an_end_lasts_ten_seconds():
    assert run().stop == Stop(None, 10.0)
    assert run("--requests", "5").stop == Stop(5, None)
    assert run("--requests", "5", "--duration", "2").stop == Stop(5, 2.0)


def test_a_burst_is_judged_by_the_burst_rule_and_other_loads_only_if_asked():
    assert run().rule is None
    assert run("--burst", "5").rule == Rule(0.9, 3.0)
    judged = run("--within", "0.2", "--quantile", "0.99", "--allow-rejections")
    assert judged.rule == Rule(0.99, 0.2, rejections=True)


def test_a_search_counts_in_its_steps():
    order = search("rate", URL, "--within", "0.2", "--start", "10", "--step", "0.5")
    assert order.limits == Limits(20, 131_072, 0.02, 3)
    assert (order.step, order.rule) == (0.5, Rule(0.99, 0.2))
    assert search("burst", URL).rule == Rule(0.9, 3.0)


def test_a_search_by_rate_needs_to_know_what_is_fast_enough():
    with pytest.raises(UsageError, match="--within"):
        parse(["search", "rate", URL])


def test_comparing_takes_targets_in_their_order():
    order = parse(["compare", "--target", "a", URL, "--target", "b", URL, "dialect=tei"])
    assert isinstance(order, CompareOrder)
    assert [(t.name, t.dialect) for t in order.targets] == [("a", "openai"), ("b", "tei")]


@pytest.mark.parametrize(
    "words",
    [
        ["run", URL, "--burst", "5", "--duration", "3"],
        ["run", URL, "--quantile", "0.99"],
        ["compare", "--target", "a", URL],
        ["compare", "--target", "a", URL, "--target", "a", URL],
    ],
)
def test_orders_that_cannot_be_carried_out_say_why(words):
    with pytest.raises(UsageError):
        parse(words)


def test_own_texts_and_templates_come_from_files(tmp_path):
    (tmp_path / "texts").write_text("one\n\ntwo\n")
    (tmp_path / "body").write_text('"{texts}"')
    order = run("--corpus", str(tmp_path / "texts"), "--template", f"@{tmp_path / 'body'}")
    assert order.bench.corpus == Lines(("one", "two"), 1)
    assert order.bench.work.workload == str(tmp_path / "texts")
    assert order.target.template == '"{texts}"'


def test_a_report_takes_results_and_an_output():
    order = parse(["report", "a.json", "b.json", "-o", "page.html"])
    assert isinstance(order, ReportOrder)
    assert [path.name for path in order.results] == ["a.json", "b.json"]


@pytest.mark.parametrize(
    "words",
    [
        ["--rate", "1", "--poisson", "1"],
        ["--rate", "1", "--burst", "1"],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--texts", "0"],
        ["--quantile", "90"],
        ["--header", "no colon"],
        ["--seed", "-1"],
    ],
)
def test_words_that_contradict_or_mean_nothing_are_refused(words, capsys):
    with pytest.raises(SystemExit) as refused:
        run(*words)
    assert refused.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_target_is_called_by_its_host_unless_named():
    assert run().target.name == "localhost:8080"
    assert run("--name", "ours").target.name == "ours"


def test_the_recorded_command_can_be_typed_again_but_holds_no_keys():
    words = ["run", URL, "--header", "Authorization: Bearer k", "--header=X: k", "--burst", "5"]
    assert command(words) == f"retrieval-bench run {URL} --header HIDDEN --header=HIDDEN --burst 5"


def test_every_command_sends_texts_of_its_own_unless_a_seed_is_named():
    drawn = {run().bench.work.seed for _ in range(8)}
    assert len(drawn) > 1
    assert run("--seed", "7").bench.work.seed == 7
    order = run()
    assert isinstance(order.bench.corpus, Synthetic)
    assert order.bench.corpus.seed == order.bench.work.seed


def test_agree_takes_two_targets():
    words = ["agree", "--target", "old", URL, "--target", "new", "http://localhost:9090"]
    order = parse(words)
    assert isinstance(order, AgreeOrder)
    assert [target.name for target in order.targets] == ["old", "new"]
    with pytest.raises(UsageError, match="two targets, and 1"):
        parse(words[:4])
