"""The chart as helm renders it for some values."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.write import CHART, NAMESPACE, OLDEST
from tests.cluster.tools import ensure

Document = dict[str, Any]
PROMETHEUS = "monitoring.coreos.com/v1"
GRAFANA = "grafana.integreatly.org/v1beta1"

EVERYTHING_ON: Mapping[str, Any] = {
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 2,
    "operator": {"prometheusUrl": "http://prometheus.monitoring:9090", "predictorImage": "p:v1"},
    "serviceAccount": {"name": "someone", "annotations": {"team": "search"}},
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True, "annotations": {"folder": "Retrieval"}},
        "grafanaDashboard": {"enabled": True},
    },
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"team": "sre"}}}],
    },
    "podLabels": {"tier": "control"},
    "podAnnotations": {"note": "x"},
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "retrieval-operator"}},
        }
    ],
    "priorityClassName": "system-cluster-critical",
}
EVERYTHING_OFF: Mapping[str, Any] = {
    "crds": {"install": False},
    "serviceAccount": {"create": False, "name": "someone"},
    "rbac": {"create": False},
    "operator": {"leaderElection": False},
    "podDisruptionBudget": {"enabled": False},
}
NAMESPACED: Mapping[str, Any] = {"operator": {"namespaces": ["search", "shop"]}}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as it comes": {},
    "everything on": EVERYTHING_ON,
    "everything off": EVERYTHING_OFF,
    "for two namespaces": NAMESPACED,
}


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
    """What helm prints; a failure raises CalledProcessError with its words in `stderr`."""
    written = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [ensure("helm"), *arguments, *written],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def rendered(
    values: Mapping[str, Any], apis: Sequence[str] = (PROMETHEUS, GRAFANA)
) -> list[Document]:
    """The objects of a release, in helm's order."""
    return deepcopy(_rendered(json.dumps(values, sort_keys=True), tuple(apis)))


@cache
def _rendered(values: str, apis: tuple[str, ...]) -> list[Document]:
    served = (f"--api-versions={api}" for api in apis)
    text = helm(
        *("template", "retrieval-operator", CHART, "--namespace", NAMESPACE),
        *("--kube-version", OLDEST, *served),
        values=json.loads(values),
    )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, loader) if document]


def refusal(values: Mapping[str, Any], apis: Sequence[str] = ()) -> str:
    """Why helm does not render the chart with these values."""
    try:
        rendered(values, apis)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)
    raise AssertionError(f"helm takes {values}")


def only(documents: Sequence[Document], kind: str) -> Document:
    """The one object of a kind."""
    (found,) = (one for one in documents if one["kind"] == kind)
    return found
