"""Bearer keys: a known key passes, anything else is refused, a changed mount is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval_predictor.edge.callers import caller_of
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.errors import Malformed, Unauthorised
from retrieval_predictor.wire.work import NO_CACHE, SHARED_CACHE


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_without_a_file_nobody_is_asked():
    assert Keys(None, Clock()).check({}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer("alph"),
        bearer("alphabet"),
        {"authorization": "alpha"},
        {"authorization": "Basic alpha"},
        bearer("\udcff"),
    ],
)
def test_whoever_has_no_known_key_is_refused(headers, tmp_path: Path):
    (tmp_path / "keys").write_text("alpha\n\n  beta  \n")
    with pytest.raises(Unauthorised):
        Keys(tmp_path / "keys", Clock()).check(headers)


def test_each_line_of_each_file_of_a_secret_is_a_key(tmp_path: Path):
    data = tmp_path / "..data"
    data.mkdir()
    (data / "team-a").write_text("alpha\nbeta")
    (data / "team-b").write_text("gamma\n")
    for name in ("team-a", "team-b"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    keys = Keys(tmp_path, Clock())
    assert [keys.check(bearer(key)) for key in ("alpha", "beta", "gamma")] == [
        "alpha",
        "beta",
        "gamma",
    ]
    assert keys.check({"authorization": "bearer alpha"}) == "alpha"


def test_a_changed_secret_is_in_force_a_second_later(tmp_path: Path):
    path, clock = tmp_path / "keys", Clock()
    path.write_text("old")
    keys = Keys(path, clock)
    keys.check(bearer("old"))
    (tmp_path / "next").write_text("new")
    (tmp_path / "next").replace(path)
    clock.now_s = 1.0
    keys.check(bearer("new"))
    with pytest.raises(Unauthorised):
        keys.check(bearer("old"))


def test_a_file_that_cannot_be_read_leaves_the_keys_as_they_were(tmp_path: Path):
    path, clock = tmp_path / "keys", Clock()
    path.write_text("old")
    keys = Keys(path, clock)
    keys.check(bearer("old"))
    path.unlink()
    clock.now_s = 2.0
    assert keys.check(bearer("old")) == "old"


def test_a_file_that_was_never_there_lets_nobody_in(tmp_path: Path):
    with pytest.raises(Unauthorised):
        Keys(tmp_path / "nothing", Clock()).check(bearer("x"))


def test_a_key_names_its_client_whatever_the_headers_say():
    named = {"x-client-id": "a"}
    assert caller_of(named, "10.0.0.1", "key").client == caller_of({}, "10.0.0.2", "key").client
    assert caller_of(named, "10.0.0.1", "key").client != caller_of(named, "10.0.0.1", "k2").client


def test_without_keys_the_header_names_a_client_and_without_it_the_address_does():
    one, other = ({"x-client-id": name} for name in ("a", "b"))
    assert caller_of(one, "10.0.0.1", None).client == caller_of(one, "10.0.0.2", None).client
    assert caller_of(one, "10.0.0.1", None).client != caller_of(other, "10.0.0.1", None).client
    assert caller_of({}, "10.0.0.1", None).client == caller_of({}, "10.0.0.1", None).client
    assert caller_of({}, "10.0.0.1", None).client != caller_of({}, "10.0.0.2", None).client


@pytest.mark.parametrize("timeout", ["soon", "0", "-1", "inf", "nan"])
def test_a_timeout_that_is_no_time_is_refused(timeout: str):
    with pytest.raises(Malformed, match="seconds above 0"):
        caller_of({"x-request-timeout": timeout}, "", None)


@pytest.mark.parametrize("directive", ["no-store", "max-age=0, No-Store", "no-cache"])
@pytest.mark.parametrize("key", ["key", None])
def test_a_request_may_ask_for_no_part_in_the_row_cache(directive: str, key: str | None):
    assert caller_of({"cache-control": directive}, "10.0.0.1", key).cache == NO_CACHE


def test_callers_with_keys_have_rows_of_their_own_and_others_share():
    one, other = (caller_of({}, "10.0.0.1", key).cache for key in ("a", "b"))
    assert len({one, other, SHARED_CACHE, NO_CACHE}) == 4
    assert caller_of({}, "10.0.0.2", "a").cache == one
    shared = {caller_of({"x-client-id": name}, "10.0.0.1", None).cache for name in "ab"}
    assert shared == {SHARED_CACHE}
