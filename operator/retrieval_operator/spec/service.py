"""The whole object: what the author of a RetrievalService writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from retrieval_operator.spec.block import Block, LabelValue, ObjectName
from retrieval_operator.spec.choices import DeploymentMode, Placement, Profile, Visibility
from retrieval_operator.spec.component import Component, Embedder, Reranker

GROUP = "retrieval.io"
VERSION = "v1alpha1"
KIND = "RetrievalService"
API_VERSION = f"{GROUP}/{VERSION}"


class Auth(Block):
    """Who may call the service."""

    api_keys_secret: ObjectName
    """Secret whose values are the bearer keys that are let in."""


class Objective(Block):
    """The burst that each component must hold; judged against its estimated or measured rate."""

    requests_per_burst: Annotated[int, Field(ge=1, le=1_000_000)]
    """Requests that arrive within one second: short texts for the embedder, queries with
    `documentsPerRequest` documents for the reranker."""
    documents_per_request: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Documents of about a hundred words in one request to the reranker."""
    within_seconds: Annotated[int, Field(ge=1, le=600)]
    """Seconds within which they must be answered."""
    quantile: float = 0.9
    """Share of the requests that must be answered in time, from 0.5 to 0.9999."""


class PodMonitor(Block):
    """The PodMonitor that lets Prometheus scrape the pods."""

    enabled: bool = True
    """Create it, where the cluster has the kind PodMonitor."""
    labels: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Labels added to it, such as the `release` that a Prometheus selects."""
    interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds between two scrapes."""


class Monitoring(Block):
    """What watches the service."""

    pod_monitor: PodMonitor = PodMonitor()
    """The PodMonitor that lets Prometheus scrape the pods."""


class Expose(Block):
    """From where the service can be reached."""

    visibility: Visibility = Visibility.CLUSTER_LOCAL
    """ClusterLocal: from inside the cluster only. External: through the cluster's ingress."""


class RetrievalServiceSpec(Block):
    """Embeddings and reranking as one service. At least one of embedder and reranker is needed."""

    deployment_mode: DeploymentMode = DeploymentMode.STANDARD
    """How KServe runs the predictors: Standard as Deployments, Knative as serverless revisions.
    Immutable."""
    suspend: bool = False
    """Stop all pods and keep the object; false starts them again."""
    profile: Profile = Profile.BALANCED
    """What the planner optimises: Latency for the lone query, Throughput for bulk, Balanced for
    both. Fields that are set override it."""
    placement: Placement = Placement.SEPARATE
    """Separate: embedder and reranker have their own pods. This version refuses
    Shared, one pod on one GPU."""
    auth: Auth | None = None
    """Who may call the service. Omitted: everybody who can reach it."""
    embedder: Embedder | None = None
    """The model that turns texts into vectors."""
    reranker: Reranker | None = None
    """The model that scores documents against a query."""
    objective: Objective | None = None
    """The burst that each component must hold. Omitted: capacity is not judged."""
    monitoring: Monitoring = Monitoring()
    """What watches the service."""
    expose: Expose = Expose()
    """From where the service can be reached."""

    @property
    def components(self) -> tuple[Component, ...]:
        """The halves that are asked for, the embedder first."""
        return tuple(half for half in (self.embedder, self.reranker) if half is not None)


class Metadata(Block):
    """What the operator needs of the object's metadata; the rest is Kubernetes' own."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the service; its InferenceServices are NAME-embedder and NAME-reranker."""
    namespace: str = "default"
    """Namespace of the service."""
    uid: str = ""
    """Identity given by the API server; empty for an object that is in no cluster."""
    generation: Annotated[int, Field(ge=0)] = 0
    """Count of changes to the spec, given by the API server; 0 for an object in no cluster."""
    labels: Mapping[str, str] = {}
    """Labels of the object."""
    annotations: Mapping[str, str] = {}
    """Annotations of the object."""


class RetrievalService(Block):
    """Embeddings and reranking for a namespace, planned for the GPUs the cluster has."""

    api_version: Literal["retrieval.io/v1alpha1"]
    """Version of this schema."""
    kind: Literal["RetrievalService"]
    """Kind of the object."""
    metadata: Metadata
    """Standard object metadata."""
    spec: RetrievalServiceSpec
    """What the author asks for."""
