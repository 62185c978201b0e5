"""The RetrievalService object: its fields, its rules, and how it is read.

service = parse(document)          all problems at once, as a SpecError
gaps = unsupported(service)        what this version cannot act on yet
"""

from retrieval_operator.spec.choices import (
    ComponentName,
    DeploymentMode,
    Placement,
    Precision,
    Profile,
    RolloutStrategy,
    Scoring,
    Visibility,
)
from retrieval_operator.spec.component import (
    Autoscaling,
    Batching,
    Component,
    Embedder,
    Gpu,
    Reranker,
    ResourceAmounts,
    Resources,
)
from retrieval_operator.spec.defaults import Defaults, with_defaults
from retrieval_operator.spec.parsing import parse, parse_defaults
from retrieval_operator.spec.pod import PodTemplate
from retrieval_operator.spec.quantity import Quantity
from retrieval_operator.spec.service import RetrievalService, RetrievalServiceSpec
from retrieval_operator.spec.source import BUILTIN_URI, ModelSource, Shape
from retrieval_operator.spec.support import Unsupported, unsupported

__all__ = [
    "BUILTIN_URI",
    "Autoscaling",
    "Batching",
    "Component",
    "ComponentName",
    "Defaults",
    "DeploymentMode",
    "Embedder",
    "Gpu",
    "ModelSource",
    "Placement",
    "PodTemplate",
    "Precision",
    "Profile",
    "Quantity",
    "Reranker",
    "ResourceAmounts",
    "Resources",
    "RetrievalService",
    "RetrievalServiceSpec",
    "RolloutStrategy",
    "Scoring",
    "Shape",
    "Unsupported",
    "Visibility",
    "parse",
    "parse_defaults",
    "unsupported",
    "with_defaults",
]
