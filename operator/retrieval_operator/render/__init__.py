"""Turn a service and its plans into the manifests to apply, in apply order.

manifests = render(service, plans, Context(image="…", api_versions=frozenset()))
"""

from retrieval_operator.render.context import Context, Manifest
from retrieval_operator.render.environment import environment
from retrieval_operator.render.inference_service import STOP_ANNOTATION
from retrieval_operator.render.manifests import render
from retrieval_operator.render.names import (
    COMPONENT_LABEL,
    inference_service_name,
)
from retrieval_operator.render.revisions import (
    MOST_KEPT,
    component_of,
    controller_revision,
    read_revision,
)
from retrieval_operator.render.surroundings import MOST_HOST_LETTERS, doubts, impossible
from retrieval_operator.render.text import to_yaml

__all__ = [
    "COMPONENT_LABEL",
    "MOST_HOST_LETTERS",
    "MOST_KEPT",
    "STOP_ANNOTATION",
    "Context",
    "Manifest",
    "component_of",
    "controller_revision",
    "doubts",
    "environment",
    "impossible",
    "inference_service_name",
    "read_revision",
    "render",
    "to_yaml",
]
