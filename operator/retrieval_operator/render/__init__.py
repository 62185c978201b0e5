"""Turn a service and its plans into the manifests to apply, in apply order.

manifests = render(service, plans, Context(image="…", api_versions=frozenset()))
"""

from retrieval_operator.render.context import Context, Manifest
from retrieval_operator.render.environment import environment
from retrieval_operator.render.manifests import render
from retrieval_operator.render.names import inference_service_name
from retrieval_operator.render.surroundings import doubts, impossible
from retrieval_operator.render.text import to_yaml

__all__ = [
    "Context",
    "Manifest",
    "doubts",
    "environment",
    "impossible",
    "inference_service_name",
    "render",
    "to_yaml",
]
