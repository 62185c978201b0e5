"""A RetrievalService on the node agent, and what its pods and Services say."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import numpy as np
import psutil

from tests.cluster.agent.samples import main
from tests.cluster.api import (
    INFERENCE_SERVICE,
    NAMESPACE,
    POD,
    RETRIEVAL_SERVICE,
    Document,
    condition,
    is_ready,
    until,
)
from tests.cluster.lab import Lab

NAME: Final = "quickstart"
START_LIMIT_S: Final = 400.0
"""A process imports torch and loads a model, on a machine that may be busy."""
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def served(lab: Lab, namespace: str, spec: Document, *others: Document) -> Iterator[Served]:
    """A service with this spec in a new namespace, beside `others`; gone afterwards."""
    lab.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for one in others:
        lab.api.create(one)
    kind = {"apiVersion": "retrieval.io/v1alpha1", "kind": "RetrievalService"}
    lab.api.create({**kind, "metadata": {"name": NAME, "namespace": namespace}, "spec": spec})
    made = Served(lab, namespace)
    try:
        yield made
    finally:
        made.remove()


class Served:
    """The service of the name `quickstart` in a namespace."""

    def __init__(self, lab: Lab, namespace: str) -> None:
        self.lab = lab
        self.namespace = namespace

    def change(self, **spec: Any) -> None:
        """Merge this into its spec."""
        self.lab.api.patch(RETRIEVAL_SERVICE, NAME, {"spec": spec}, self.namespace)

    def wait_ready(self) -> Document:
        """The object once everything of its present generation answers, also by its Services."""
        found = self.lab.api.wait_for(
            RETRIEVAL_SERVICE, NAME, _is_settled, namespace=self.namespace, limit_s=START_LIMIT_S
        )
        for component in set(found["spec"]) & {"embedder", "reranker"}:
            until(partial(is_live, self.host(component)), f"the Service of the {component} answers")
        return found

    def condition(self, kind: str) -> Document:
        """A condition of the object as it is now; empty where it is not there."""
        return condition(self.lab.api.get(RETRIEVAL_SERVICE, NAME, self.namespace), kind)

    def remove(self) -> None:
        """Delete the service, and its namespace once KServe has let go of it."""
        self.lab.api.delete(RETRIEVAL_SERVICE, NAME, self.namespace)
        for component in ("embedder", "reranker"):
            self.lab.api.wait_gone(INFERENCE_SERVICE, f"{NAME}-{component}", self.namespace)
        self.lab.api.delete(NAMESPACE, self.namespace)

    def host(self, component: str = "embedder") -> str:
        """The cluster IP of a component's Service."""
        name = f"{NAME}-{component}-predictor"
        return str(self.lab.api.get("v1/Service", name, self.namespace)["spec"]["clusterIP"])

    def pods(self, component: str = "embedder") -> list[Document]:
        """A component's pods that are not on their way out."""
        labels = f"app.kubernetes.io/component={component}"
        found = self.lab.api.list(POD, self.namespace, labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_gone(self, pod: Document) -> None:
        """Return once nothing of a pod is left."""
        name = pod["metadata"]["name"]
        self.lab.api.wait_gone(POD, name, self.namespace, limit_s=START_LIMIT_S)


def page(host: str, path: str) -> str:
    """The text at a path of a predictor."""
    with _DIRECT.open(f"http://{host}{path}", timeout=10) as reply:
        return str(reply.read().decode())


def get(host: str, path: str) -> Any:
    """The JSON at a path of a predictor."""
    return json.loads(page(host, path))


def is_live(host: str) -> bool:
    """Whether a Service leads to an endpoint by now."""
    try:
        return bool(get(host, "/v2/health/live"))
    except OSError:
        return False


def infer(host: str, model: str, **inputs: list[str]) -> np.ndarray:
    """The first output of a KServe v2 call."""
    tensors = [
        {"name": name, "datatype": "BYTES", "shape": [len(texts)], "data": texts}
        for name, texts in inputs.items()
    ]
    body = json.dumps({"inputs": tensors}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://{host}/v2/models/{model}/infer"
    with _DIRECT.open(urllib.request.Request(url, body, headers), timeout=30) as reply:
        output: Mapping[str, Any] = json.load(reply)["outputs"][0]
    return np.array(output["data"], dtype=np.float32).reshape(output["shape"])


def process(pod: Document) -> psutil.Process:
    """The first process of a pod's container, as this machine sees it."""
    return psutil.Process(int(main(pod)["containerID"].removeprefix("process://")))


def engine(pod: Document) -> psutil.Process:
    """The process of a predictor's pod that computes."""
    (found,) = (
        one
        for one in process(pod).children(recursive=True)
        if "retrieval_predictor.engine" in one.cmdline()
    )
    return found


def _is_settled(document: Document) -> bool:
    status = document.get("status") or {}
    is_current = status.get("observedGeneration") == document["metadata"]["generation"]
    return is_current and is_ready(document)
