"""One knob has one name: the chart's values, the variables of the pod, the operator's settings."""

import json
from collections.abc import Iterator

import pytest
import yaml

from retrieval_operator.settings import PREFIX, Settings
from retrieval_operator.spec import parse_defaults
from tests.chart.helm import PROMETHEUS, only, refusal, rendered
from tests.chart.write import CHART, setting_names

OTHER_THAN_DEFAULT = {
    "namespaces": ["search", "shop"],
    "predictorImage": "example.org/predictor:v2",
    "prometheusUrl": "http://prometheus:9090",
    "domainTemplate": "{{ .Name }}.{{ .Namespace }}.example.org",
    "predictorDefaults": {
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "serving",
        "tolerations": [{"key": "pool", "operator": "Exists", "effect": "NoSchedule"}],
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "monitorLabels": {"release": "prometheus"},
    },
    "hubLookup": False,
    "hubEndpoint": "https://hub.example.org",
    "hubTimeoutSeconds": 3,
    "workers": 9,
    "resyncSeconds": 86400,
    "nodeDebounceSeconds": 1.5,
    "apiTimeoutSeconds": 20,
    "stallSeconds": 3600,
    "leaderElection": False,
    "leaseName": "other",
    "leaseSeconds": 30,
    "httpPort": 9000,
    "logFormat": "console",
}


def environment(values: dict) -> dict[str, str]:
    """The variables of the operator's container."""
    (container,) = only(rendered(values), "Deployment")["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def settings_in(monkeypatch: pytest.MonkeyPatch, values: dict) -> Settings:
    """What the operator reads in a pod of the chart."""
    for name, value in environment(values).items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_setting_is_a_value_with_the_same_default(monkeypatch: pytest.MonkeyPatch):
    values = yaml.safe_load((CHART / "values.yaml").read_text())["operator"]
    assert set(values) == set(setting_names().values())
    there, here = settings_in(monkeypatch, {}).model_dump(), Settings().model_dump()
    assert {name: there[name] for name in setting_names()} == {
        name: here[name] for name in setting_names()
    }


def test_every_value_reaches_the_setting_of_its_name(monkeypatch: pytest.MonkeyPatch):
    assert set(OTHER_THAN_DEFAULT) == set(setting_names().values())
    settings = settings_in(monkeypatch, {"operator": OTHER_THAN_DEFAULT})
    for name, value in setting_names().items():
        wanted = OTHER_THAN_DEFAULT[value]
        assert getattr(settings, name) == expected(wanted), name


def expected(value: object) -> object:
    if isinstance(value, dict):
        return parse_defaults(json.dumps(value))
    return tuple(value) if isinstance(value, list) else value


def test_more_variables_can_be_set():
    values = {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}
    assert environment(values)["HTTPS_PROXY"] == "http://proxy:3128"


def test_the_pod_says_where_the_lease_is_and_who_it_is():
    assert not {f"{PREFIX}IDENTITY", f"{PREFIX}LEASE_NAMESPACE"} & environment({}).keys()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 2}, "'replica' not allowed"),
        ({"replicas": 3}, "got 3, want 2"),
        ({"operator": {"worker": 3}}, "'worker' not allowed"),
        ({"operator": {"workers": 0}}, "got 0, want 1"),
        ({"operator": {"namespaces": "search"}}, "got string, want array"),
        ({"operator": {"logFormat": "xml"}}, "'json', 'console'"),
        ({"operator": {"predictorDefaults": {"toleration": []}}}, "'toleration' not allowed"),
        (
            {"operator": {"predictorDefaults": {"env": [{"names": "A"}]}}},
            "'names' not allowed",
        ),
        ({"image": {"digest": "latest"}}, "does not match pattern"),
        ({"monitoring": {"podMonitor": {"interval": "30s"}}}, "'interval' not allowed"),
        ({"resources": {"request": {"cpu": 1}}}, "'request' not allowed"),
        ({"crds": {"install": "yes"}}, "got string, want boolean"),
        ({"replicas": 2, "operator": {"leaderElection": False}}, "both replicas would write"),
        (
            {"monitoring": {"podMonitor": {"enabled": True}}},
            "monitoring.podMonitor.enabled is true, but the cluster does not serve " + PROMETHEUS,
        ),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(values: dict, words: str):
    assert words in refusal(values)


FREE = {
    "affinity",
    "env",
    "global",
    "ingressFrom",
    "limits",
    "matchExpressions",
    "requests",
    "tolerations",
    "topologySpreadConstraints",
}
"""Values that are Kubernetes' own documents, which the API server checks."""


def test_a_misspelt_key_is_refused_wherever_a_key_has_a_meaning():
    schema = json.loads((CHART / "values.schema.json").read_text())
    unguarded = {
        name
        for name, shape in objects("values", schema)
        if "additionalProperties" not in shape
        or ("properties" in shape and shape["additionalProperties"])
    }
    assert unguarded == FREE


def objects(name: str, shape: dict) -> Iterator[tuple[str, dict]]:
    """Every shape of an object in a schema, with the name of the value it belongs to."""
    if shape.get("type") == "object":
        yield name, shape
    for key, one in shape.get("properties", {}).items():
        yield from objects(key, one)
    if "items" in shape:
        yield from objects(name, shape["items"])
