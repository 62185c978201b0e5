"""The command line as people who know kubectl expect it."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from retrieval_operator import __version__
from retrieval_operator.cli import main
from retrieval_operator.cli.view import rounded
from retrieval_operator.inventory import Inventory, Node, Origin
from retrieval_operator.local.beside import beside
from tests.support.planning import ask, planned

SERVICE = """
apiVersion: retrieval.io/v1alpha1
kind: RetrievalService
metadata: {name: docs}
spec: {embedder: {model: {uri: "hf://BAAI/bge-large-en-v1.5"}, gpu: {}}}
"""


@pytest.fixture
def service(tmp_path: Path) -> str:
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE)
    return str(path)


@pytest.fixture
def run(capsys):
    def call(*argv: str) -> tuple[int, str, str]:
        try:
            status = main(argv)
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.mark.parametrize("words", [("--version",), ("version",)])
def test_the_version_is_told(run, words):
    assert run(*words) == (0, f"retrieval {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("plam",), "did you mean plan?"),
        (("plan", "a.yaml"), "did you mean -f a.yaml?"),
        (("plan", "--gpuu", "x"), "did you mean --gpu?"),
        (("plan", "-f", "x", "-o", "jsn"), "did you mean json?"),
        (("plan",), "-f FILE, a folder, or - for standard input"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_may_have_been_meant(run, words, hint):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert hint in err


@pytest.mark.usefixtures("service")
def test_a_folder_is_read_as_kubectl_reads_it(run, tmp_path):
    (tmp_path / "other.yml").write_text("kind: Namespace\n")
    (tmp_path / "notes.txt").write_text("a: [")
    status, out, _ = run("plan", "-f", str(tmp_path), "--gpu", "NVIDIA-L4", "-o", "json")
    assert status == 0
    assert [found["name"] for found in json.loads(out)] == ["docs"]


def test_every_sample_can_be_planned_as_one_folder(run):
    status, out, _ = run("plan", "-f", "manifests/samples", "--gpu", "NVIDIA-B200", "-o", "json")
    assert status in {0, 1}
    assert len(json.loads(out)) == len(list(Path("manifests/samples").glob("*.yaml")))


def test_rendered_objects_have_a_namespace_only_where_somebody_named_one(run, service):
    def namespaces(*words: str) -> set[str | None]:
        _, out, _ = run("render", "-f", service, "--gpu", "NVIDIA-L4", *words)
        return {one["metadata"].get("namespace") for one in yaml.safe_load_all(out)}

    assert namespaces() == {None}
    assert namespaces("-n", "search") == {"search"}


def test_a_namespace_that_contradicts_the_object_is_refused(run, tmp_path):
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE.replace("name: docs", "name: docs, namespace: shop"))
    status, _, err = run("render", "-f", str(path), "--gpu", "NVIDIA-L4", "-n", "search")
    assert status == 2
    assert err == "docs: is of namespace shop, and -n says search\n"


def test_rendered_objects_can_be_one_list_as_json(run, service):
    _, out, _ = run("render", "-f", service, "--gpu", "NVIDIA-L4", "-o", "json")
    listed = json.loads(out)
    assert listed["kind"] == "List"
    assert "InferenceService" in {item["kind"] for item in listed["items"]}


def test_a_plan_and_a_refusal_have_the_same_keys(run, service):
    keys = []
    for gpu in ("NVIDIA-L4", "Tesla-V100-SXM2-16GB"):
        _, out, _ = run("plan", "-f", service, "--gpu", gpu, "-o", "json")
        keys.append(list(json.loads(out)[0]["components"][0]))
    assert keys[0] == keys[1]
    assert {"model", "fits", "reason", "objective", "plan"} <= set(keys[0])


def test_a_plan_judges_the_objective(run):
    words = ("plan", "-f", "manifests/samples/objective.yaml", "--gpu", "NVIDIA-L4")
    _, out, _ = run(*words)
    words_of_it = " ".join(out.split())
    assert "objective: 1 pod can hold" in words_of_it
    assert "the objective is 1,500" in words_of_it
    _, out, _ = run(*words, "-o", "json")
    assert json.loads(out)[0]["components"][0]["objective"]["met"] is True


def test_notes_stand_right_below_the_title(run, tmp_path):
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE.replace("}, gpu: {}", "}, gpu: {count: 2}"))
    nodes = tmp_path / "nodes.yaml"
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-L4-SHARED",
        "nvidia.com/gpu.memory": "23034",
        "nvidia.com/gpu.count": "1",
        "nvidia.com/gpu.replicas": "4",
    }
    nodes.write_text(yaml.safe_dump(labels))
    _, out, _ = run("plan", "-f", str(path), "--node-labels", str(nodes))
    title, first, *_ = out.splitlines()
    assert "fits" in title
    assert first.startswith("   note: ")


def test_a_pipe_gets_no_trailing_blanks(run, service):
    for words in (("plan", "-f", service, "--gpu", "l4"), ("explain", "spec.embedder")):
        _, out, _ = run(*words)
        assert [line for line in out.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("command", "first", "key"),
    [("gpus", "Tesla-T4", "product"), ("models", "hf://BAAI/bge-small-en-v1.5", "model")],
)
def test_what_plans_know_is_listed(run, command, first, key):
    table, names, listed = (run(command, "-o", form)[1] for form in ("table", "name", "json"))
    assert first in table
    assert names.splitlines()[0] == first
    assert json.loads(listed)[0][key] == first


def test_a_product_that_is_not_listed_can_be_described(run, service):
    words = ("plan", "-f", service, "--gpu", "NVIDIA-Q9", "--gpu-memory", "96Gi")
    status, out, _ = run(*words, "--gpu-capability", "9.0")
    assert status == 0
    assert "of 96.00 Gi" in out
    assert run(*words, "--gpu-capability", "nine")[0] == 2


@pytest.mark.parametrize("path", ["rsvc.spec.auth", "RetrievalService.spec.auth", "spec.auth"])
def test_explain_takes_the_paths_that_kubectl_takes(run, path):
    status, out, _ = run("explain", path)
    assert status == 0
    assert "apiKeysSecret" in out


def test_explain_of_the_kind_is_that_of_its_spec(run):
    assert run("explain", "RetrievalService") == run("explain", "spec")


def test_the_settings_of_one_component_are_an_env_file(run):
    status, out, _ = run("env", "-f", "manifests/quickstart.yaml", "reranker")
    assert status == 0
    comment, *lines = out.splitlines()
    assert comment.startswith("# quickstart reranker on ")
    assert all(line.startswith("RETRIEVAL_") and "=" in line for line in lines)
    assert "RETRIEVAL_COMPONENT=reranker" in lines


def test_with_two_components_env_wants_to_know_whose(run):
    status, _, err = run("env", "-f", "manifests/quickstart.yaml")
    assert status == 2
    assert "embedder or reranker" in err


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("retrieval pla", ["plan"]),
        ("retrieval plan --gpu-", ["--gpu-memory", "--gpu-capability"]),
        ("retrieval plan --gpu NVIDIA-H200", ["NVIDIA-H200", "NVIDIA-H200-NVL"]),
        ("retrieval explain spec.auth.", ["spec.auth.apiKeysSecret"]),
    ],
)
def test_bash_completes_commands_options_products_and_fields(run, tmp_path, words, completed):
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash")[1])
    typed = words.split()
    asking = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _retrieval; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", asking], capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(run, shell):
    status, out, _ = run("completion", shell)
    assert status == 0
    assert "plan" in out


def machine(gpus: int) -> Inventory:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090",
        "nvidia.com/gpu.memory": "24564",
        "nvidia.com/gpu.count": str(gpus),
    }
    devices = {"nvidia.com/gpu": gpus}
    node = Node(name="a", labels=labels, memory_bytes=64 * 2**30, devices=devices)
    return Inventory((node,), Origin.MACHINE)


def test_a_second_model_gets_what_the_first_leaves_of_the_only_card():
    plan = planned(ask("Qwen/Qwen3-Embedding-8B"), machine(1))
    (left,) = beside(plan, machine(1)).nodes
    assert plan.gpu_memory is not None
    missing = 24564 - int(left.labels["nvidia.com/gpu.memory"])
    assert missing == -(-plan.gpu_memory.total_bytes // 2**20)
    assert left.memory_bytes == 64 * 2**30 - plan.memory.total_bytes


def test_of_two_cards_each_model_gets_its_own():
    plan = planned(ask("Qwen/Qwen3-Embedding-8B"), machine(2))
    (left,) = beside(plan, machine(2)).nodes
    assert left.labels["nvidia.com/gpu.memory"] == "24564"
    assert left.devices == {"nvidia.com/gpu": 1}


def test_nodes_of_a_cluster_have_room_for_every_pod():
    cluster = Inventory(machine(1).nodes, Origin.CLUSTER)
    assert beside(planned(ask(), machine(1)), cluster) is cluster


@pytest.mark.parametrize(("value", "shown"), [(57778, "58,000"), (9, "9"), (36576, "37,000")])
def test_estimates_have_the_digits_that_they_are_good_for(value, shown):
    assert rounded(value) == shown


def test_a_model_without_a_scheme_is_taken_for_one_of_the_hub(run, tmp_path):
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE.replace("hf://", ""))
    status, _, err = run("plan", "-f", str(path))
    assert status == 2
    assert err.rstrip().endswith("did you mean hf://BAAI/bge-large-en-v1.5?")


def test_a_problem_names_its_value_once(run, tmp_path):
    path = tmp_path / "service.yaml"
    limits = "maxInputTokens: 500, batching: {maxBatchTokens: 100}"
    path.write_text(SERVICE.replace("gpu: {}", limits))
    _, _, err = run("plan", "-f", str(path))
    assert err.count("(100)") == 1


def test_an_unknown_model_is_compared_with_one_of_its_own_shape(run, tmp_path):
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE.replace("bge-large-en-v1.5", "bge-large-zh"))
    status, out, _ = run("plan", "-f", str(path), "--gpu", "NVIDIA-L4")
    assert status == 1
    assert "model.like: BAAI/bge-large-zh-v1.5" in out
    assert "--hub" in out
