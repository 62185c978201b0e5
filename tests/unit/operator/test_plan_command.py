"""`retrieval plan` and `retrieval render` as people call them."""

import io
import json

import pytest
import yaml

from retrieval_operator.cli import main
from tests.support.hub import hub
from tests.support.planning import checkpoint
from tests.support.spec import document

SERVICE = """
apiVersion: retrieval.io/v1alpha1
kind: RetrievalService
metadata: {name: docs, namespace: search}
spec: {embedder: {model: {uri: "hf://BAAI/bge-large-en-v1.5"}, gpu: {}}}
"""
NODES = """
apiVersion: v1
kind: List
items:
- kind: Node
  metadata: {name: a, labels: {nvidia.com/gpu.product: NVIDIA-L4, nvidia.com/gpu.memory: "23034"}}
  status: {allocatable: {cpu: "8", memory: 32Gi, nvidia.com/gpu: "1"}}
"""


@pytest.fixture
def service(tmp_path):
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE)
    return str(path)


@pytest.fixture
def run(capsys):
    def call(*argv: str) -> tuple[int, str, str]:
        status = main(argv)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_a_plan_is_printed_with_every_decision_and_term(run, service):
    status, out, _ = run("plan", "-f", service, "--gpu", "NVIDIA-L4")
    assert status == 0
    for text in ("fits", "maxBatchTokens", "weights", "runtime context", "headroom", "22.49 Gi"):
        assert text in out


def test_a_refusal_is_status_1_with_the_changes_that_fit(run, tmp_path):
    large = tmp_path / "large.yaml"
    large.write_text(SERVICE.replace("BAAI/bge-large-en-v1.5", "Qwen/Qwen3-Embedding-8B"))
    status, out, _ = run("plan", "-f", str(large), "--gpu", "Tesla-T4")
    assert status == 1
    assert "too little" in out
    assert "would fit: a node with NVIDIA-A10" in out


def test_a_promise_is_judged_in_the_plan(run):
    asked = ("plan", "-f", "manifests/samples/objective.yaml", "--gpu", "NVIDIA-L4:2")
    _, out, _ = run(*asked)
    words = " ".join(out.split())
    assert "1 pod can hold" in words
    assert "the objective is 1,500" in words
    _, out, _ = run(*asked, "-o", "json")
    for component in json.loads(out)[0]["components"]:
        assert component["objective"]["heldRequests"] > 0


def test_json_is_json(run, service):
    status, out, _ = run("plan", "-f", service, "--gpu", "NVIDIA-L4", "-o", "json")
    (found,) = json.loads(out)
    assert status == 0
    assert found["name"] == "docs"
    assert found["components"][0]["plan"]["precision"] == "fp16"


def test_yaml_is_one_document_for_each_object(run, service):
    _, out, _ = run("plan", "-f", service, "-f", service, "--gpu", "NVIDIA-L4", "-o", "yaml")
    assert [found["name"] for found in yaml.safe_load_all(out)] == ["docs", "docs"]


def test_a_node_file_is_planned_for(run, service, tmp_path):
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text(NODES)
    status, out, _ = run("plan", "-f", service, "--node-labels", str(nodes))
    assert status == 0
    assert "label nvidia.com/gpu.memory" in out


def test_standard_input_holds_several_objects_among_others(run, monkeypatch):
    text = SERVICE + "---\nkind: Namespace\n---\n" + SERVICE.replace("docs", "more")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    status, out, _ = run("plan", "-f", "-", "--gpu", "NVIDIA-L4")
    assert status == 0
    assert "search/docs" in out
    assert "search/more" in out


def test_a_model_path_gives_the_facts_of_any_model(run, service, tmp_path):
    folder = checkpoint(tmp_path / "mine", {"w": ("BF16", [1000, 1000])})
    status, out, _ = run("plan", "-f", service, "--gpu", "NVIDIA-L4", "--model-path", str(folder))
    assert status == 0
    assert "1.0 M parameters" in out
    assert "bf16" in out


def test_with_two_components_a_model_path_says_whose_it_is(run, tmp_path):
    both = tmp_path / "both.yaml"
    both.write_text(SERVICE.replace("embedder:", "reranker: {}, embedder:"))
    folder = checkpoint(tmp_path / "mine", {"w": ("F32", [10])})
    status, _, err = run("plan", "-f", str(both), "--model-path", str(folder))
    assert status == 2
    assert "embedder=DIR or reranker=DIR" in err
    asked = ("plan", "-f", str(both), "--gpu", "NVIDIA-L4", "--model-path", f"embedder={folder}")
    assert run(*asked)[0] == 0


def test_a_field_that_this_version_cannot_act_on_is_refused(run, tmp_path):
    shared = tmp_path / "shared.yaml"
    shared.write_text(SERVICE.replace("spec: {", "spec: {placement: Shared, "))
    status, out, _ = run("plan", "-f", str(shared), "--gpu", "NVIDIA-L4")
    assert status == 1
    assert "spec.placement" in out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("a: [", "not YAML"),
        ("kind: Pod", "no RetrievalService in it"),
        ("", "no RetrievalService in it"),
        (SERVICE.replace("gpu: {}", "gpus: {}"), "spec.embedder.gpus"),
        (SERVICE.replace("gpu: {}", "workers: -1"), "spec.embedder.workers"),
        ("\udcff", "not UTF-8"),
    ],
    ids=["missing", "cut", "another kind", "empty", "unknown field", "out of bounds", "bytes"],
)
def test_bad_input_is_status_2_and_one_message(run, tmp_path, text, problem):
    path = tmp_path / "service.yaml"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    status, out, err = run("plan", "-f", str(path))
    assert status == 2
    assert out == ""
    assert str(path) in err
    assert problem in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--gpu", "RTX4091"), "not in the table"),
        (("--gpu", "NVIDIA-L4:0"), "1 to 1024"),
        (("--node-labels", "/no/such/file"), "No such file"),
        (("--model-path", "/no/such/folder"), "No such file"),
    ],
)
def test_bad_arguments_are_status_2_and_one_message(run, service, arguments, problem):
    status, out, err = run("plan", "-f", service, *arguments)
    assert (status, out) == (2, "")
    assert problem in err


def test_render_prints_what_would_be_applied(run, service):
    asked = ("render", "-f", service, "--gpu", "NVIDIA-L4", "--image", "example/predictor:v9")
    status, out, _ = run(*asked, "--api-versions", "monitoring.coreos.com/v1")
    _, isvc, monitor = yaml.safe_load_all(out)
    assert status == 0
    assert isvc["spec"]["predictor"]["containers"][0]["image"] == "example/predictor:v9"
    assert monitor["kind"] == "PodMonitor"


def test_render_prints_no_manifests_for_what_is_refused(run, service, tmp_path):
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text("kubernetes.io/os: linux")
    status, out, err = run("render", "-f", service, "--node-labels", str(nodes))
    assert (status, out) == (1, "")
    assert "NoSuchDevice" in err


def test_explain_is_a_command_too(run):
    status, out, _ = run("explain", "spec.embedder.workers")
    assert status == 0
    assert "workers" in out


def test_a_hub_is_asked_about_a_model_that_is_not_listed(run, tmp_path):
    checkpoint(tmp_path / "model", {"a": ("F16", [100, 8])})
    written = tmp_path / "unlisted.yaml"
    spec = {"embedder": {"model": {"uri": "hf://owner/name"}, "gpu": {}}}
    written.write_text(yaml.safe_dump(document(spec)))
    asked = ("plan", "-f", str(written), "--gpu", "NVIDIA-L4")
    with hub(tmp_path / "model") as there:
        status, out, _ = run(*asked, "--hub", there.url)
    assert (status, "hf://owner/name  fits" in out) == (0, True)
    assert run(*asked)[0] == 1


def test_render_makes_a_scaled_object_where_prometheus_is_known(run, tmp_path):
    written = tmp_path / "scaled.yaml"
    written.write_text(yaml.safe_dump(document({"embedder": {"autoscaling": {"maxReplicas": 3}}})))
    known = ("--api-versions", "keda.sh/v1alpha1", "--prometheus-url", "http://prometheus:9090")
    status, out, _ = run("render", "-f", str(written), *known)
    assert (status, "kind: ScaledObject" in out) == (0, True)
