"""KServe's controller outside of a pod: what it needs in the cluster, and its command line.

CustomResourceDefinitions, RBAC and webhooks are those of the pinned release. The webhooks are
reached by URL, as the controller runs beside the API server. It has no flag for the address that
its webhooks listen on, so they listen on all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from tests.cluster import tools
from tests.cluster.api import Document
from tests.cluster.process import Command, answers
from tests.cluster.site import Site

Schemas = Literal["minimal", "full"]
"""KServe ships both: without schemas, served after 0.1 s, or complete, after seconds."""
NAMESPACE: Final = "kserve"
ACCOUNT: Final = "kserve-controller-manager"
KINDS: Final = (
    "serving.kserve.io/v1beta1/InferenceService",
    "serving.kserve.io/v1alpha1/ClusterServingRuntime",
    "serving.kserve.io/v1alpha1/ClusterStorageContainer",
    "serving.kserve.io/v1alpha1/InferenceGraph",
    "serving.kserve.io/v1alpha1/ServingRuntime",
    "serving.kserve.io/v1alpha1/TrainedModel",
)
_SMALL: Final = {
    "memoryRequest": "100Mi",
    "memoryLimit": "1Gi",
    "cpuRequest": "100m",
    "cpuLimit": "1",
}
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "deploy": {"defaultDeploymentMode": "Standard"},
    "ingress": {
        "ingressGateway": "kserve/none",
        "ingressDomain": "example.com",
        "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
        "urlScheme": "http",
        "disableIstioVirtualHost": True,
        "disableIngressCreation": True,
    },
    "credentials": {
        "s3": {
            "s3AccessKeyIDName": "AWS_ACCESS_KEY_ID",
            "s3SecretAccessKeyName": "AWS_SECRET_ACCESS_KEY",
        }
    },
    "storageInitializer": {"image": "kserve/storage-initializer:v0.20.0", **_SMALL},
    "logger": {"image": "kserve/agent:v0.20.0", "defaultUrl": "http://default-broker", **_SMALL},
    "batcher": {"image": "kserve/agent:v0.20.0", **_SMALL},
    "agent": {"image": "kserve/agent:v0.20.0", **_SMALL},
    "inferenceService": {
        "resource": {
            "cpuLimit": "1",
            "memoryLimit": "2Gi",
            "cpuRequest": "1",
            "memoryRequest": "2Gi",
        }
    },
}


def definitions(schemas: Schemas) -> Iterator[Document]:
    """KServe's CustomResourceDefinitions, apart from those of its other controllers."""
    folder = tools.made(tools.KSERVE_CONFIG) / "crd" / schemas
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("clusterstoragecontainer/*.yaml"))):
        if file.name != "kustomization.yaml":
            yield from _documents(file)


def installation() -> Iterator[Document]:
    """Everything else that has to be there before the controller starts."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": NAMESPACE},
        "data": {name: json.dumps(section) for name, section in _SETTINGS.items()},
    }
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
    }
    for name in ("role.yaml", "role_binding.yaml"):
        for document in _documents(tools.made(tools.KSERVE_CONFIG) / "rbac" / name):
            for subject in document.get("subjects", ()):
                subject["namespace"] = NAMESPACE
            yield document


def webhooks(site: Site) -> Iterator[Document]:
    """Webhooks that fail closed, so they are registered after the controller listens."""
    bundle = base64.b64encode(site.authority.certificate.read_bytes()).decode()
    for document in _documents(tools.made(tools.KSERVE_CONFIG) / "webhook" / "manifests.yaml"):
        for webhook in document["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            url = f"https://{site.address('kserve-webhook')}{path}"
            webhook["clientConfig"] = {"url": url, "caBundle": bundle}
        yield document


def probe() -> Document:
    """An InferenceService without defaults, to see whether the webhooks act."""
    container = {"name": "unnamed", "image": "example.org/probe"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "probe", "namespace": NAMESPACE},
        "spec": {"predictor": {"containers": [container]}},
    }


def is_defaulted(document: Document) -> bool:
    """Whether a webhook has put defaults into the probe."""
    (container,) = document["spec"]["predictor"]["containers"]
    return bool(container["name"] == "kserve-container")


def controller(site: Site, token: str) -> Command:
    """The controller, with the rights of its own ServiceAccount."""
    scratch = site.folder / "kserve-scratch"
    certificates = scratch / "k8s-webhook-server" / "serving-certs"  # where it looks for them
    certificates.mkdir(parents=True, exist_ok=True)
    (certificates / "tls.crt").write_bytes(site.server.certificate.read_bytes())
    (certificates / "tls.key").write_bytes(site.server.key.read_bytes())
    return Command(
        name="kserve",
        program=tools.ensure("kserve-manager"),
        arguments=(
            f"--kubeconfig={site.kubeconfig(ACCOUNT, token)}",
            f"--webhook-port={site.ports['kserve-webhook']}",
            f"--health-probe-addr={site.address('kserve-probe')}",
            "--metrics-addr=0",
            "--leader-elect=false",
        ),
        is_ready=lambda: answers(f"http://{site.address('kserve-probe')}/readyz"),
        environment={"POD_NAMESPACE": NAMESPACE, "TMPDIR": str(scratch)},
    )


def _documents(file: Path) -> Iterator[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for document in yaml.load_all(file.read_text(), loader):
        if document:
            document["metadata"].pop("creationTimestamp", None)
            yield document
