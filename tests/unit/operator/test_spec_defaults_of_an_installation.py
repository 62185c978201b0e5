"""What an installation gives to every service, so that no object repeats it."""

import json

import pytest

from retrieval_operator.errors import SpecError
from retrieval_operator.render import Context
from retrieval_operator.settings import BadSettings, load
from retrieval_operator.spec import Defaults, parse_defaults, with_defaults
from tests.support.spec import service

DEFAULTS = {
    "imagePullSecrets": [{"name": "registry"}],
    "priorityClassName": "serving",
    "tolerations": [{"key": "pool", "operator": "Exists", "effect": "NoSchedule"}],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "monitorLabels": {"release": "prometheus"},
}


def given(spec=None):
    return with_defaults(service(spec), parse_defaults(json.dumps(DEFAULTS))).spec


def test_every_component_gets_what_the_installation_says():
    for half in given({"embedder": {}, "reranker": {}}).components:
        assert half.pod_template.written() == {
            name: value for name, value in DEFAULTS.items() if name != "monitorLabels"
        }
    assert given().monitoring.pod_monitor.labels == {"release": "prometheus"}


def test_an_objects_own_word_wins():
    own = {
        "priorityClassName": "batch",
        "env": [{"name": "HTTPS_PROXY", "value": "http://other:3128"}, {"name": "A"}],
        "tolerations": DEFAULTS["tolerations"],
        "imagePullSecrets": [{"name": "registry"}, {"name": "mine"}],
    }
    spec = {"embedder": {"podTemplate": own}}
    found = given(spec | {"monitoring": {"podMonitor": {"labels": {"release": "a"}}}})
    assert found.components[0].pod_template.written() == own
    assert found.monitoring.pod_monitor.labels == {"release": "a"}


def test_without_defaults_nothing_changes():
    asked = service({"embedder": {"gpu": {}}, "reranker": {}})
    assert with_defaults(asked, Defaults()) == asked
    assert Context("image").defaults == Defaults()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('{"env": [{"name": "HF_TOKEN", "value": "x"}]}', "model.tokenSecret"),
        ('{"tolerations": [{"key": "a", "tolerationSeconds": 3}]}', "NoExecute"),
        ("{", "no JSON"),
    ],
)
def test_defaults_keep_the_rules_of_objects(written, words, monkeypatch):
    with pytest.raises(SpecError, match=words):
        parse_defaults(written)
    environment = {"RETRIEVAL_OPERATOR_PREDICTOR_DEFAULTS": written}
    monkeypatch.setenv(*next(iter(environment.items())))
    with pytest.raises(BadSettings, match=words):
        load(environment)
