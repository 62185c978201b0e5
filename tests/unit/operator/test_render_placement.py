"""Where pods may run, and what authors add to them."""

import pytest

from tests.support.rendering import container, predictor

L4 = "gpu: {products: [NVIDIA-L4], runtimeClassName: nvidia}"
MODEL = "model: {uri: 'hf://BAAI/bge-large-en-v1.5'}"
LABEL = "nvidia.com/gpu.product"
PRODUCTS = {"key": LABEL, "operator": "In", "values": ["NVIDIA-L4"]}
SHARING = "nvidia.com/gpu.sharing-strategy"
ALONE = {"key": SHARING, "operator": "NotIn", "values": ["mps", "time-slicing"]}


def terms(found):
    node = found["affinity"]["nodeAffinity"]
    return node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


@pytest.mark.parametrize("gpu", [L4, "gpu: {runtimeClassName: nvidia}"])
def test_pods_go_to_the_kinds_of_device_that_the_plan_holds_for_and_to_no_others(gpu):
    found = predictor(f"embedder: {{{MODEL}, {gpu}}}")
    assert terms(found) == [{"matchExpressions": [PRODUCTS, ALONE]}]
    assert found["runtimeClassName"] == "nvidia"


def test_the_kinds_are_a_condition_of_every_term_of_the_author():
    affinity = """
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{key: zone, operator: In, values: [a]}]
          - matchFields: [{key: metadata.name, operator: In, values: [n]}]
      podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}
"""
    spec = f"embedder:\n  {MODEL}\n  {L4}\n  podTemplate:\n    affinity:{affinity}"
    found = predictor(spec)
    assert [term["matchExpressions"][-2:] for term in terms(found)] == [[PRODUCTS, ALONE]] * 2
    assert terms(found)[1]["matchFields"][0]["key"] == "metadata.name"
    assert "podAntiAffinity" in found["affinity"]


def test_the_taint_of_gpu_nodes_is_tolerated():
    found = predictor(f"embedder: {{{MODEL}, gpu: {{}}}}")
    assert found["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


def test_a_toleration_that_is_written_too_is_not_doubled():
    ours = "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}"
    spec = f"embedder: {{{MODEL}, gpu: {{}}, podTemplate: {{tolerations: [{ours}]}}}}"
    assert len(predictor(spec)["tolerations"]) == 1


def test_a_cpu_component_asks_for_no_device():
    found = predictor("embedder: {}")
    assert "tolerations" not in found
    assert "affinity" not in found
    assert found["containers"][0]["resources"]["limits"].keys() == {"cpu", "memory"}


def test_what_the_author_adds_to_the_pod_is_there():
    spec = """
embedder:
  podTemplate:
    labels: {team: search}
    annotations: {note: hello}
    priorityClassName: high
    serviceAccountName: reader
    imagePullSecrets: [{name: pull}]
    env: [{name: HF_ENDPOINT, value: "http://mirror"}]
    volumes: [{name: data, persistentVolumeClaim: {claimName: c}}]
    volumeMounts: [{name: data, mountPath: /data, readOnly: true}]
"""
    found = predictor(spec)
    assert found["labels"] == {"team": "search"}
    assert found["annotations"] == {"note": "hello"}
    assert found["priorityClassName"] == "high"
    assert found["serviceAccountName"] == "reader"
    assert found["imagePullSecrets"] == [{"name": "pull"}]
    assert found["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "c"}
    assert container(spec)["env"][-1] == {"name": "HF_ENDPOINT", "value": "http://mirror"}
    assert container(spec)["volumeMounts"][-1] == {
        "name": "data", "mountPath": "/data", "readOnly": True,
    }  # fmt: skip
