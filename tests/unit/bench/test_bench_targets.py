"""Targets are read from the words of a command line."""

from __future__ import annotations

import pytest

from retrieval_bench.errors import BadTarget
from retrieval_bench.targets import Target, parse


def test_a_target_is_a_name_a_url_and_options():
    words = ["tei", "http://h:80", "dialect=tei", "pid=12,13", "model=m=1"]
    expected = Target("tei", "http://h:80", dialect="tei", pids=(12, 13), model="m=1")
    assert parse(words) == expected


@pytest.mark.parametrize(
    "words",
    [["tei"], [], ["a", "http://h", "colour=red"], ["a", "http://h", "x"], ["a", "u", "pid=one"]],
)
def test_a_target_that_is_not_understood_says_how_to_write_it(words):
    with pytest.raises(BadTarget):
        parse(words)


@pytest.mark.parametrize("url", ["localhost:80", "ftp://h", "http://", "h"])
def test_a_url_without_scheme_or_host_is_refused(url):
    with pytest.raises(BadTarget, match="write http://host:port"):
        _ = Target("a", url).parts


def test_keys_in_headers_are_not_shown():
    assert "secret" not in repr(Target("a", "http://h", headers=(("Authorization", "secret"),)))
