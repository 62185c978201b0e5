"""The parts of a pod that an author may add to: where it runs, what it mounts, what it is called.

Field names and meanings are those of a Kubernetes PodSpec. What the operator decides itself
(containers, ports, probes, resources) is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from retrieval_operator.spec.affinity import Affinity
from retrieval_operator.spec.block import Block, LabelKey, LabelValue, ObjectName, Text, Unique
from retrieval_operator.spec.choices import TaintEffect, TolerationOperator
from retrieval_operator.spec.volume import EnvSource, LocalReference, Volume


class Toleration(Block):
    """Lets the pod run on a node with a matching taint."""

    key: LabelKey | None = None
    """Taint key to match. Omitted with operator Exists: every taint."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """Exists matches any value of the key, Equal compares `value`."""
    value: LabelValue | None = None
    """Taint value to match, for operator Equal."""
    effect: TaintEffect | None = None
    """Taint effect to match. Omitted: every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """Seconds the pod stays after a NoExecute taint appears. Omitted: for ever."""


class EnvVar(Block):
    """One environment variable of the predictor's container."""

    name: Annotated[
        str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z_.-][A-Za-z0-9_.-]*$")
    ]
    """Name of the variable. Variables that a field of this object sets are refused here."""
    value: Text | None = None
    """Literal value."""
    value_from: EnvSource | None = None
    """Where the value comes from."""


class VolumeMount(Block):
    """Where the predictor's container sees a volume."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of a volume in `volumes`."""
    mount_path: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^/[^:]*$")]
    """Absolute path in the container."""
    sub_path: Annotated[str, Field(max_length=1024)] | None = None
    """Path inside the volume to mount. Omitted: its root."""
    read_only: bool = False
    """Mount without write access."""


class PodTemplate(Block):
    """What an author may add to the predictor's pods."""

    labels: Annotated[Mapping[str, LabelValue], Field(max_length=64)] = {}
    """Labels added to the pods."""
    annotations: Annotated[Mapping[str, Text], Field(max_length=64)] = {}
    """Annotations added to the pods."""
    node_selector: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Node labels a node must have. The planner only considers GPUs of such nodes."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """Taints the pods tolerate, beside that of the GPU resource, which is always tolerated."""
    affinity: Affinity | None = None
    """Where the pods may run, by nodes and by neighbours."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
    service_account_name: ObjectName | None = None
    """ServiceAccount of the pods; the one whose secrets open s3:// and gs:// buckets."""
    image_pull_secrets: Annotated[
        tuple[LocalReference, ...], Field(max_length=16), Unique("name")
    ] = ()
    """Secrets used to pull the predictor's image."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64), Unique("name")] = ()
    """Environment variables added to the predictor's container, such as HF_ENDPOINT or a proxy."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=32), Unique("name")] = ()
    """Volumes added to the pods."""
    volume_mounts: Annotated[
        tuple[VolumeMount, ...], Field(max_length=32), Unique("mountPath")
    ] = ()
    """Where the predictor's container sees those volumes."""
