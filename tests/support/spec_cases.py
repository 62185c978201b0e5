"""Objects that keep and break each rule: one table for the parser and for a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.spec import document

Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A sentence, an object that is fine, and one that is refused at `path` saying `words`."""

    sentence: str
    fine: Document
    refused: Document
    path: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return self.sentence


def _embedder(**fields: Any) -> Document:
    return document({"embedder": fields})


def _reranker(**fields: Any) -> Document:
    return document({"reranker": fields})


def _model(**fields: Any) -> Document:
    return _embedder(model=fields)


def _pod(**fields: Any) -> Document:
    return _embedder(podTemplate=fields)


def _amounts(cpu: object, memory: object) -> Document:
    limits = {"cpu": "2", "memory": "4Gi"}
    return _embedder(resources={"requests": {"cpu": cpu, "memory": memory}, "limits": limits})


def _knative(**fields: Any) -> Document:
    return document({"deploymentMode": "Knative", "embedder": fields})


_CLAIM = {"name": "card", "resourceClaimTemplateName": "one-l4"}
_SHAPE = {
    "modelType": "bert",
    "hiddenSize": 768,
    "layers": 12,
    "intermediateSize": 3072,
    "attentionHeads": 12,
    "vocabularySize": 30522,
    "maxTokens": 512,
}
_BURST = {"requestsPerBurst": 500, "withinSeconds": 3}

_DATA = {"name": "data", "emptyDir": {}}


def _node_term(**term: Any) -> Document:
    required = {"nodeSelectorTerms": [term]}
    node = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    return _pod(affinity={"nodeAffinity": node})


def _apart(**term: Any) -> Document:
    required = [{"topologyKey": "kubernetes.io/hostname", **term}]
    apart = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    return _pod(affinity={"podAntiAffinity": apart})


def _mounted(path: str, name: str = "data") -> Document:
    return _pod(volumes=[{**_DATA, "name": name}], volumeMounts=[{"name": name, "mountPath": path}])


_TERM = "requiredDuringSchedulingIgnoredDuringExecution"
_NODE_TERM = f"spec.embedder.podTemplate.affinity.nodeAffinity.{_TERM}.nodeSelectorTerms[0]"
_POD_TERM = f"spec.embedder.podTemplate.affinity.podAntiAffinity.{_TERM}[0]"
_ZONE = {"key": "zone", "operator": "In"}

RULE_CASES = (
    Case(
        "a name leaves room for the names of children",
        document(name="a" * 39),
        document(name="a" * 40),
        "metadata.name",
        ("39", "40"),
    ),
    Case(
        "a name is the start of a host name",
        document(name="docs-2"),
        document(name="2docs"),
        "metadata.name",
        ("2docs", "letter"),
    ),
    Case(
        "a service has an embedder or a reranker",
        document({"reranker": {}}),
        document({"suspend": True}),
        "spec",
        ("embedder: {}", "reranker: {}"),
    ),
    Case(
        "replicas and autoscaling exclude one another",
        _embedder(autoscaling={"maxReplicas": 7}),
        _embedder(autoscaling={"maxReplicas": 7}, replicas=3),
        "spec.embedder.replicas",
        ("3", "7", "remove one"),
    ),
    Case(
        "autoscaling goes from few to many",
        _embedder(autoscaling={"minReplicas": 4, "maxReplicas": 4}),
        _embedder(autoscaling={"minReplicas": 5, "maxReplicas": 2}),
        "spec.embedder.autoscaling.minReplicas",
        ("5", "2"),
    ),
    Case(
        "the longest text fits in a batch",
        _embedder(maxInputTokens=512, batching={"maxBatchTokens": 512}),
        _embedder(maxInputTokens=512, batching={"maxBatchTokens": 511}),
        "spec.embedder.batching",
        ("512", "511", "raise", "lower"),
    ),
    Case(
        "the longest text fits in the queue",
        _reranker(maxInputTokens=512, batching={"maxQueueTokens": 512}),
        _reranker(maxInputTokens=512, batching={"maxQueueTokens": 500}),
        "spec.reranker.batching",
        ("512", "500", "429"),
    ),
    Case(
        "a whole batch fits in the queue",
        _embedder(batching={"maxBatchTokens": 1024, "maxQueueTokens": 1024}),
        _embedder(batching={"maxBatchTokens": 1024, "maxQueueTokens": 1000}),
        "spec.embedder.batching.maxQueueTokens",
        ("1024", "1000"),
    ),
    Case(
        "fp16 needs a GPU",
        _embedder(precision="fp16", gpu={}),
        _embedder(precision="fp16"),
        "spec.embedder.precision",
        ("gpu: {}", "bf16"),
    ),
    Case(
        "int8 is for CPUs",
        _embedder(precision="int8"),
        _embedder(precision="int8", gpu={}),
        "spec.embedder.precision",
        ("remove gpu",),
    ),
    Case(
        "a model's address has a known scheme",
        _model(uri="pvc://models/bge-m3"),
        _model(uri="http://example.org/bge-m3"),
        "spec.embedder.model.uri",
        ("http://example.org/bge-m3", "hf://", "s3://"),
    ),
    Case(
        "a revision belongs to a hub model",
        _model(uri="hf://BAAI/bge-m3", revision="5617a9f"),
        _model(uri="s3://bucket/bge-m3", revision="5617a9f"),
        "spec.embedder.model.revision",
        ("5617a9f", "s3://bucket/bge-m3"),
    ),
    Case(
        "a token belongs to a hub model",
        _model(uri="hf://BAAI/bge-m3", tokenSecret={"name": "hub"}),
        _model(tokenSecret={"name": "hub"}),
        "spec.embedder.model.tokenSecret",
        ("hub", "builtin://all-MiniLM-L6-v2"),
    ),
    Case(
        "a cross-encoder takes no prompts",
        _reranker(scoring="BiEncoder", prompts={"query": "query: "}),
        _reranker(scoring="CrossEncoder", prompts={"query": "query: "}),
        "spec.reranker.prompts",
        ("CrossEncoder", "instruction"),
    ),
    Case(
        "late interaction takes no instruction",
        _reranker(instruction="Find the answer"),
        _reranker(instruction="Find the answer", scoring="LateInteraction"),
        "spec.reranker.instruction",
        ("LateInteraction", "prompts.query"),
    ),
    Case(
        "GPU memory has a unit",
        _embedder(gpu={"memory": 24 * 2**30}),
        _embedder(gpu={"memory": 24}),
        "spec.embedder.gpu.memory",
        ("24", "1Gi"),
    ),
    Case(
        "requested cores stay within their limit",
        _amounts("1500m", "4Gi"),
        _amounts("2500m", "4Gi"),
        "spec.embedder.resources.requests",
        ("2500m", "2"),
    ),
    Case(
        "requested memory stays within its limit",
        _amounts(2, "4096Mi"),
        _amounts(2, "4097Mi"),
        "spec.embedder.resources.requests",
        ("4097Mi", "4Gi"),
    ),
    Case(
        "a variable that a field sets is not set twice",
        _pod(env=[{"name": "HF_ENDPOINT", "value": "https://hub.example.org"}]),
        _pod(env=[{"name": "RETRIEVAL_WORKERS", "value": "2"}]),
        "spec.embedder.podTemplate.env[0].name",
        ("RETRIEVAL_WORKERS",),
    ),
    Case(
        "a variable has one source",
        _pod(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
        _pod(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]),
        "spec.embedder.podTemplate.env[0].valueFrom",
        ("A", "remove one"),
    ),
    Case(
        "a toleration of any value names none",
        _pod(tolerations=[{"key": "gpu", "operator": "Exists"}]),
        _pod(tolerations=[{"key": "gpu", "operator": "Exists", "value": "yes"}]),
        "spec.embedder.podTemplate.tolerations[0].value",
        ("yes", "Equal"),
    ),
    Case(
        "a toleration of one value has a key",
        _pod(tolerations=[{"operator": "Exists"}]),
        _pod(tolerations=[{"value": "yes"}]),
        "spec.embedder.podTemplate.tolerations[0].key",
        ("key", "Exists"),
    ),
    Case(
        "an objective is a share that can be measured",
        document({"embedder": {}, "objective": {**_BURST, "quantile": 0.99}}),
        document({"embedder": {}, "objective": {**_BURST, "quantile": 1}}),
        "spec.objective.quantile",
        ("1", "0.9999"),
    ),
    Case(
        "a label has the name of a label",
        _pod(labels={"example.org/team": "search"}),
        _pod(labels={"the team": "search"}),
        "spec.embedder.podTemplate.labels",
        ("label name",),
    ),
    Case(
        "an annotation has the name of a label",
        _pod(annotations={"example.org/owner": "the search team"}),
        _pod(annotations={"/owner": ""}),
        "spec.embedder.podTemplate.annotations",
        ("label name",),
    ),
    Case(
        "a node selector names labels",
        _pod(nodeSelector={"pool": "gpu"}),
        _pod(nodeSelector={"": "gpu"}),
        "spec.embedder.podTemplate.nodeSelector",
        ("label name",),
    ),
    Case(
        "a monitor's label has the name of a label",
        document({"embedder": {}, "monitoring": {"podMonitor": {"labels": {"release": "a"}}}}),
        document({"embedder": {}, "monitoring": {"podMonitor": {"labels": {"-": "a"}}}}),
        "spec.monitoring.podMonitor.labels",
        ("label name",),
    ),
    Case(
        "a model is like one or described, not both",
        _model(uri="s3://models/mine", like="BAAI/bge-m3"),
        _model(uri="s3://models/mine", like="BAAI/bge-m3", shape=_SHAPE),
        "spec.embedder.model.shape",
        ("BAAI/bge-m3", "remove one"),
    ),
    Case(
        "a head is at least one number wide",
        _model(uri="s3://models/mine", shape=_SHAPE),
        _model(uri="s3://models/mine", shape={**_SHAPE, "attentionHeads": 1000}),
        "spec.embedder.model.shape.attentionHeads",
        ("1000", "768", "headSize"),
    ),
    Case(
        "a claimed device is described",
        _embedder(gpu={"resourceClaims": [_CLAIM], "memory": "24Gi"}),
        _embedder(gpu={"resourceClaims": [_CLAIM]}),
        "spec.embedder.gpu.resourceClaims",
        ("1", "memory", "products"),
    ),
    Case(
        "a claim has one source",
        _embedder(gpu={"resourceClaims": [_CLAIM], "products": ["NVIDIA-L4"]}),
        _embedder(gpu={"resourceClaims": [{"name": "card"}], "products": ["NVIDIA-L4"]}),
        "spec.embedder.gpu.resourceClaims[0].resourceClaimName",
        ("card", "resourceClaimTemplateName"),
    ),
    Case(
        "what goes down to no pods can come back",
        _embedder(autoscaling={"minReplicas": 0, "maxReplicas": 2, "wakeQuery": "sum(up)"}),
        _embedder(autoscaling={"minReplicas": 0, "maxReplicas": 2}),
        "spec.embedder",
        ("wakeQuery", "Knative"),
    ),
    Case(
        "only Knative counts concurrent requests",
        _knative(autoscaling={"maxReplicas": 2, "metric": "Concurrency"}),
        _embedder(autoscaling={"maxReplicas": 2, "metric": "Concurrency"}),
        "spec.embedder",
        ("Concurrency", "QueueWait"),
    ),
    Case(
        "Knative has an autoscaler of its own",
        _knative(autoscaling={"minReplicas": 0, "maxReplicas": 2}),
        _knative(autoscaling={"maxReplicas": 2, "metric": "CPU"}),
        "spec.embedder",
        ("Knative", "Standard"),
    ),
    Case(
        "Knative never stops the old pods first",
        _knative(rollout={"strategy": "Surge"}),
        _knative(rollout={"strategy": "Recreate"}),
        "spec.embedder",
        ("Auto", "Surge"),
    ),
    Case(
        "Knative passes no claims on",
        _knative(gpu={"memory": "24Gi"}),
        _knative(gpu={"memory": "24Gi", "resourceClaims": [_CLAIM]}),
        "spec.embedder",
        ("gpu.resource", "Standard"),
    ),
    Case(
        "a mount has a volume",
        _pod(
            volumes=[{"name": "cache", "emptyDir": {}}],
            volumeMounts=[{"name": "cache", "mountPath": "/cache"}],
        ),
        _pod(volumeMounts=[{"name": "cache", "mountPath": "/cache"}]),
        "spec.embedder.podTemplate.volumeMounts",
        ("add the volume",),
    ),
    Case(
        "a hub model has an owner",
        _model(uri="hf://BAAI/bge-m3"),
        _model(uri="hf://bge-m3"),
        "spec.embedder.model.uri",
        ("hf://bge-m3", "OWNER"),
    ),
    Case(
        "a version stands in revision",
        _model(uri="hf://BAAI/bge-m3", revision="5617a9f"),
        _model(uri="hf://BAAI/bge-m3@5617a9f"),
        "spec.embedder.model.uri",
        ("hf://BAAI/bge-m3@5617a9f", "revision"),
    ),
    Case(
        "two devices have two claims",
        _embedder(gpu={"resourceClaims": [_CLAIM], "memory": "24Gi"}),
        _embedder(gpu={"resourceClaims": [_CLAIM], "memory": "24Gi", "count": 2}),
        "spec.embedder.gpu.count",
        ("2", "1", "a claim of its own"),
    ),
    Case(
        "a limit leaves something to compute with",
        _embedder(resources={"limits": {"cpu": "1m"}}),
        _embedder(resources={"limits": {"cpu": 0}}),
        "spec.embedder.resources.limits.cpu",
        ("0", "leave it out"),
    ),
    Case(
        "memory is more than none",
        _embedder(resources={"limits": {"memory": "4Gi"}}),
        _embedder(resources={"limits": {"memory": "0Gi"}}),
        "spec.embedder.resources.limits.memory",
        ("0Gi",),
    ),
    Case(
        "disk is more than none",
        _embedder(resources={"limits": {"ephemeral-storage": "4Gi"}}),
        _embedder(resources={"limits": {"ephemeral-storage": "0"}}),
        "spec.embedder.resources.limits",
        ("ephemeral-storage",),
    ),
    Case(
        "requested disk stays within its limit",
        _embedder(resources={"requests": {"ephemeral-storage": "4Gi"}}),
        _embedder(
            resources={
                "requests": {"ephemeral-storage": "40Gi"},
                "limits": {"ephemeral-storage": "20Gi"},
            }
        ),
        "spec.embedder.resources.requests",
        ("40Gi", "20Gi"),
    ),
    Case(
        "autoscaling holds something",
        _embedder(autoscaling={"maxReplicas": 2, "target": "100m"}),
        _embedder(autoscaling={"maxReplicas": 2, "target": 0}),
        "spec.embedder.autoscaling.target",
        ("0",),
    ),
    Case(
        "only a pod that runs stays for seconds",
        _pod(tolerations=[{"key": "a", "effect": "NoExecute", "tolerationSeconds": 9}]),
        _pod(tolerations=[{"key": "a", "tolerationSeconds": 9}]),
        "spec.embedder.podTemplate.tolerations[0].tolerationSeconds",
        ("9", "NoExecute"),
    ),
    Case(
        "pods are found by labels of their own",
        _pod(labels={"app.example.org/name": "docs", "apps": "a"}),
        _pod(labels={"app.kubernetes.io/managed-by": "Helm"}),
        "spec.embedder.podTemplate.labels",
        ("app.kubernetes.io/",),
    ),
    Case(
        "annotations of the operator and of KServe stay theirs",
        _pod(annotations={"app": "docs"}),
        _pod(annotations={"serving.kserve.io/autoscalerClass": "hpa"}),
        "spec.embedder.podTemplate.annotations",
        ("serving.kserve.io/",),
    ),
    Case(
        "the token of a hub has a field",
        _pod(env=[{"name": "HF_HUB_OFFLINE", "value": "1"}]),
        _pod(env=[{"name": "HF_TOKEN", "value": "x"}]),
        "spec.embedder.podTemplate.env[0].name",
        ("HF_TOKEN", "model.tokenSecret"),
    ),
    Case(
        "a variable is read from one place",
        _pod(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        _pod(env=[{"name": "A", "valueFrom": {}}]),
        "spec.embedder.podTemplate.env[0].valueFrom",
        ("secretKeyRef", "configMapKeyRef"),
    ),
    Case(
        "a volume has one source",
        _pod(volumes=[_DATA]),
        _pod(volumes=[{**_DATA, "nfs": {"server": "files", "path": "/a"}}]),
        "spec.embedder.podTemplate.volumes[0]",
        ("emptyDir", "persistentVolumeClaim"),
    ),
    Case(
        "each part of a projected volume has one source",
        _pod(volumes=[{"name": "a", "projected": {"sources": [{"secret": {"name": "s"}}]}}]),
        _pod(volumes=[{"name": "a", "projected": {"sources": [{}]}}]),
        "spec.embedder.podTemplate.volumes[0].projected.sources[0]",
        ("serviceAccountToken",),
    ),
    Case(
        "a volume has a name of its own",
        _mounted("/data"),
        _mounted("/data", name="kserve-pvc-source"),
        "spec.embedder.podTemplate.volumes[0].name",
        ("kserve-pvc-source",),
    ),
    Case(
        "a mount hides no folder of the pod",
        _mounted("/tmpfiles"),
        _mounted("/tmp/"),
        "spec.embedder.podTemplate.volumeMounts[0].mountPath",
        ("/tmp/", "/run/retrieval"),
    ),
    Case(
        "a condition on nodes has the values it takes",
        _node_term(matchExpressions=[{"key": "cores", "operator": "Gt", "values": ["8"]}]),
        _node_term(matchExpressions=[{"key": "cores", "operator": "Gt", "values": ["many"]}]),
        f"{_NODE_TERM}.matchExpressions[0].values",
        ("Gt", "one number"),
    ),
    Case(
        "a condition on pods has the values it takes",
        _apart(labelSelector={"matchExpressions": [{**_ZONE, "values": ["a"]}]}),
        _apart(labelSelector={"matchExpressions": [_ZONE]}),
        f"{_POD_TERM}.labelSelector.matchExpressions[0].values",
        ("In", "take some"),
    ),
    Case(
        "nodes have one field",
        _node_term(matchFields=[{"key": "metadata.name", "operator": "In", "values": ["n"]}]),
        _node_term(matchFields=[{"key": "spec.taints", "operator": "In", "values": ["n"]}]),
        f"{_NODE_TERM}.matchFields",
        ("metadata.name",),
    ),
    Case(
        "keys narrow a selector",
        _apart(labelSelector={}, matchLabelKeys=["pod-template-hash"]),
        _apart(matchLabelKeys=["pod-template-hash"]),
        f"{_POD_TERM}.labelSelector",
        ("add one",),
    ),
)
"""At least one case for each rule that spans fields."""

FIELD_CASES = (
    Case(
        "a number has bounds",
        _embedder(workers=64),
        _embedder(workers=65),
        "spec.embedder.workers",
        ("64",),
    ),
    Case(
        "a whole number may have a point",
        _embedder(workers=2.0),
        _embedder(workers=2.5),
        "spec.embedder.workers",
        ("2.5",),
    ),
    Case(
        "a bare number has 64 bits",
        _embedder(gpu={"memory": 2**63 - 1}),
        _embedder(gpu={"memory": 2**63}),
        "spec.embedder.gpu.memory",
        (str(2**63),),
    ),
    Case(
        "a GPU product is the value of a label",
        _embedder(gpu={"products": ["NVIDIA-L4"]}),
        _embedder(gpu={"products": ["NVIDIA L4"]}),
        "spec.embedder.gpu.products[0]",
        ("NVIDIA L4",),
    ),
    Case(
        "a text is no number",
        _embedder(workers=2),
        _embedder(workers="2"),
        "spec.embedder.workers",
        ("integer",),
    ),
    Case(
        "a word comes from a closed list",
        _embedder(precision="bf16"),
        _embedder(precision="half"),
        "spec.embedder.precision",
        ("half", "fp16"),
    ),
    Case(
        "an amount is a quantity",
        _embedder(gpu={"memory": "24Gi"}),
        _embedder(gpu={"memory": "24 GB"}),
        "spec.embedder.gpu.memory",
        ("24 GB",),
    ),
    Case(
        "an amount is not negative",
        _embedder(resources={"requests": {"cpu": 1}}),
        _embedder(resources={"requests": {"cpu": -1}}),
        "spec.embedder.resources.requests.cpu",
        ("-1",),
    ),
    Case(
        "a fraction is written as a text",
        _embedder(resources={"requests": {"cpu": "0.5"}}),
        _embedder(resources={"requests": {"cpu": 0.5}}),
        "spec.embedder.resources.requests.cpu",
        ("0.5",),
    ),
    Case(
        "an affinity has Kubernetes' fields",
        _node_term(matchExpressions=[{**_ZONE, "values": ["a"]}]),
        _pod(affinity={"nodeAffinity": {_TERM: {"nodeSelectorTerms": []}}}),
        f"spec.embedder.podTemplate.affinity.nodeAffinity.{_TERM}.nodeSelectorTerms",
        ("1",),
    ),
    Case(
        "a claim that a volume takes is named",
        _pod(volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": "c"}}]),
        _pod(volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": ""}}]),
        "spec.embedder.podTemplate.volumes[0].persistentVolumeClaim.claimName",
        ("1",),
    ),
    Case(
        "an autoscaler's policy has a length",
        _embedder(autoscaling={"maxReplicas": 2, "behavior": {"scaleUp": {"policies": []}}}),
        _embedder(
            autoscaling={
                "maxReplicas": 2,
                "behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601}},
            }
        ),
        "spec.embedder.autoscaling.behavior.scaleUp.stabilizationWindowSeconds",
        ("3600",),
    ),
    Case(
        "an environment variable is named once",
        _pod(env=[{"name": "A"}, {"name": "B"}]),
        _pod(env=[{"name": "A"}, {"name": "A"}]),
        "spec.embedder.podTemplate.env",
        ("A",),
    ),
    Case(
        "a GPU product is named once",
        _embedder(gpu={"products": ["NVIDIA-L4", "NVIDIA-A10"]}),
        _embedder(gpu={"products": ["NVIDIA-L4", "NVIDIA-L4"]}),
        "spec.embedder.gpu.products",
        ("NVIDIA-L4",),
    ),
    Case(
        "a required field is there",
        document({"embedder": {}, "auth": {"apiKeysSecret": "keys"}}),
        document({"embedder": {}, "auth": {}}),
        "spec.auth.apiKeysSecret",
        ("equired",),
    ),
    Case(
        "a served name fits in a path",
        _embedder(servedName="bge-m3"),
        _embedder(servedName="BAAI/bge-m3"),
        "spec.embedder.servedName",
        ("BAAI/bge-m3",),
    ),
    Case(
        "a field without a value is a field left out",
        document({"embedder": {"workers": None, "prompts": None, "model": None}}),
        document({"embedder": None}),
        "spec",
        ("embedder: {}",),
    ),
)
"""What the schema of single fields decides."""
