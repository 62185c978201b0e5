"""What the chart renders, whatever is switched on or off."""

import json

import pytest
import yaml

from tests.chart.helm import EVERYTHING_OFF, EVERYTHING_ON, NAMESPACED, VARIANTS, only, rendered
from tests.chart.write import CHART, ROOT

BY_VARIANT = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS.keys())


def pods(documents: list) -> list:
    """The pod specs of everything that runs pods."""
    return [
        one["spec"]["template"]["spec"] if one["kind"] == "Deployment" else one["spec"]
        for one in documents
        if one["kind"] in {"Deployment", "Pod"}
    ]


@BY_VARIANT
def test_no_object_is_rendered_twice(values: dict):
    keys = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in rendered(values)
    ]
    assert len(keys) == len(set(keys))


@BY_VARIANT
def test_every_pod_is_restricted(values: dict):
    for pod in pods(rendered(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }


@BY_VARIANT
def test_what_selects_the_operator_selects_no_other_pod(values: dict):
    documents = rendered(values)
    labels = only(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    test_pod = only(documents, "Pod")["metadata"]["labels"]
    selector = only(documents, "Service")["spec"]["selector"]
    assert selector.items() <= labels.items()
    assert not selector.items() <= test_pod.items()


def test_the_definition_is_the_one_of_this_version_and_stays():
    definition = only(rendered({}), "CustomResourceDefinition")
    metadata = definition.pop("metadata")
    assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}
    generated = yaml.safe_load((ROOT / "manifests" / "crd.yaml").read_text())
    assert generated.pop("metadata") == {"name": metadata["name"]}
    assert definition == generated


def test_the_definition_goes_with_the_release_where_asked():
    definition = only(rendered({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "annotations" not in definition["metadata"]


def test_everything_off_leaves_the_operator_alone():
    kinds = sorted(one["kind"] for one in rendered(EVERYTHING_OFF))
    assert kinds == ["Deployment", "Pod", "Service"]


def test_every_dashboard_is_in_a_config_map_and_a_grafana_dashboard():
    files = {path.name: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    documents = rendered(EVERYTHING_ON)
    maps = {
        name: text
        for one in documents
        if one["kind"] == "ConfigMap"
        for name, text in one["data"].items()
    }
    boards = [one for one in documents if one["kind"] == "GrafanaDashboard"]
    assert files
    assert {name: json.loads(text) for name, text in maps.items()} == {
        name: json.loads(text) for name, text in files.items()
    }
    assert sorted(json.loads(one["spec"]["json"])["uid"] for one in boards) == sorted(
        json.loads(text)["uid"] for text in files.values()
    )


def test_every_rule_file_becomes_a_rule():
    files = [yaml.safe_load(path.read_text()) for path in (CHART / "rules").glob("*.yaml")]
    rules = [one["spec"] for one in rendered(EVERYTHING_ON) if one["kind"] == "PrometheusRule"]
    assert files
    assert rules == files


def test_two_replicas_are_drained_one_at_a_time():
    budget = only(rendered({"replicas": 2}), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert not [one for one in rendered({}) if one["kind"] == "PodDisruptionBudget"]


def test_the_network_policy_lets_probes_and_scrapes_in_and_dns_and_the_api_server_out():
    documents = rendered(EVERYTHING_ON)
    policy = only(documents, "NetworkPolicy")["spec"]
    template = only(documents, "Deployment")["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (let_in,) = policy["ingress"]
    (container,) = template["spec"]["containers"]
    assert {one["port"] for one in let_in["ports"]} == {one["name"] for one in container["ports"]}
    out = {(one["port"], one["protocol"]) for rule in policy["egress"] for one in rule["ports"]}
    assert {(443, "TCP"), (6443, "TCP"), (53, "UDP"), (53, "TCP")} <= out


def test_an_image_can_be_pinned_by_digest():
    (pod, _) = pods(rendered(EVERYTHING_ON))
    assert pod["containers"][0]["image"] == f"retrieval-operator@sha256:{'0' * 64}"


def test_namespaces_take_the_place_of_rights_in_the_whole_cluster():
    documents = rendered(NAMESPACED)
    roles = {
        one["metadata"]["namespace"]
        for one in documents
        if one["kind"] == "Role" and not one["metadata"]["name"].endswith("-leader")
    }
    (wide,) = (
        one
        for one in documents
        if one["kind"] == "ClusterRole" and "aggregate" not in json.dumps(one["metadata"])
    )
    assert roles == {"search", "shop"}
    assert [rule["resources"] for rule in wide["rules"]] == [["nodes"]]
