"""What rendering has to know of the installation it is for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from retrieval_operator.spec.defaults import NO_DEFAULTS, Defaults

Manifest = dict[str, Any]
"""One Kubernetes object as plain data."""

POD_MONITOR_API: Final = "monitoring.coreos.com/v1"
KNATIVE_API: Final = "serving.knative.dev/v1"
KEDA_API: Final = "keda.sh/v1alpha1"
CUSTOM_METRICS_GROUP: Final = "custom.metrics.k8s.io/"
DOMAIN_TEMPLATE: Final = "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"
"""KServe's own: `ingress.domainTemplate` of its ConfigMap inferenceservice-config."""


def default_image() -> str:
    """The predictor's image of this version, by its local name."""
    try:
        tag = version("retrieval-service")
    except PackageNotFoundError:
        tag = "latest"
    return f"retrieval-predictor:{tag}"


@dataclass(frozen=True, slots=True)
class Context:
    """The image to run, and what the cluster has beyond KServe.

    `api_versions` are its API groups, such as `monitoring.coreos.com/v1`. `prometheus_url` is where
    KEDA finds Prometheus (`http://prometheus.monitoring:9090`), None where nobody said.
    `domain_template` is what KServe makes hosts with, `defaults` what every object's pods get.
    `is_image_chosen` is false where the image is only this version's default, which moves nothing
    that runs another.
    """

    image: str
    api_versions: frozenset[str] = frozenset()
    prometheus_url: str | None = None
    is_image_chosen: bool = True
    domain_template: str = DOMAIN_TEMPLATE
    defaults: Defaults = NO_DEFAULTS

    @property
    def has_keda(self) -> bool:
        """Whether KEDA is there and can be told where to ask."""
        return KEDA_API in self.api_versions and self.prometheus_url is not None
