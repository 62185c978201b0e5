"""Settings come from the environment, are bounded, and a misspelt one is named."""

import pytest

from retrieval_operator.settings import PREFIX, BadSettings, Settings, load, table, variable


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)


def given(monkeypatch, **values: str) -> dict[str, str]:
    environment = {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


def test_nothing_set_serves_the_whole_cluster():
    assert load({}).namespaces == ()


def test_namespaces_are_separated_by_commas(monkeypatch):
    environment = given(monkeypatch, namespaces="b, a,,a")
    assert load(environment).namespaces == ("a", "b")


def test_an_unknown_variable_is_refused_with_the_likely_one(monkeypatch):
    environment = given(monkeypatch, worker="3")
    with pytest.raises(BadSettings, match="did you mean RETRIEVAL_OPERATOR_WORKERS"):
        load(environment)


def test_a_value_out_of_bounds_is_refused_by_its_variable(monkeypatch):
    environment = given(monkeypatch, workers="0")
    with pytest.raises(BadSettings, match="RETRIEVAL_OPERATOR_WORKERS"):
        load(environment)


def test_a_stall_shorter_than_a_lease_names_both(monkeypatch):
    environment = given(monkeypatch, stall_seconds="60", lease_seconds="90")
    with pytest.raises(BadSettings, match=r"60.*90"):
        load(environment)


def test_the_mirror_that_the_hub_library_knows_is_taken(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert load({}).hub_endpoint == "https://mirror.example"


def test_every_setting_is_described():
    for name, _, meaning in table():
        assert name.startswith(PREFIX)
        assert meaning.endswith(".")
