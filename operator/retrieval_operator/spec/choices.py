"""The closed lists of words that fields of a RetrievalService take."""

from __future__ import annotations

from enum import StrEnum


class ComponentName(StrEnum):
    """The halves of a service; also the default model names on the wire."""

    EMBEDDER = "embedder"
    RERANKER = "reranker"


class DeploymentMode(StrEnum):
    """How KServe runs a predictor."""

    STANDARD = "Standard"
    KNATIVE = "Knative"


class Profile(StrEnum):
    """What the planner optimises."""

    BALANCED = "Balanced"
    THROUGHPUT = "Throughput"
    LATENCY = "Latency"


class Placement(StrEnum):
    """Whether embedder and reranker share a pod."""

    SEPARATE = "Separate"
    SHARED = "Shared"


class Precision(StrEnum):
    """The number format of weights and activations."""

    AUTO = "Auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


class StoredPrecision(StrEnum):
    """The number format of weights in their files."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


class Scoring(StrEnum):
    """How a reranker turns a query and a document into one number."""

    AUTO = "Auto"
    CROSS_ENCODER = "CrossEncoder"
    YES_NO = "YesNo"
    LATE_INTERACTION = "LateInteraction"
    BI_ENCODER = "BiEncoder"


class RolloutStrategy(StrEnum):
    """How a new version replaces running pods."""

    AUTO = "Auto"
    SURGE = "Surge"
    RECREATE = "Recreate"


class ScalingMetric(StrEnum):
    """What autoscaling follows."""

    QUEUE_WAIT = "QueueWait"
    CPU = "CPU"
    CONCURRENCY = "Concurrency"


class Visibility(StrEnum):
    """Who can reach the service."""

    CLUSTER_LOCAL = "ClusterLocal"
    EXTERNAL = "External"


class TolerationOperator(StrEnum):
    """How a toleration compares a taint's value."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class NodeOperator(StrEnum):
    """How a condition compares a node's label."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


class LabelOperator(StrEnum):
    """How a condition compares a label."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Medium(StrEnum):
    """Where an emptyDir lies; omitted is the node's disk."""

    MEMORY = "Memory"


class HostPathType(StrEnum):
    """What has to be at a node's path."""

    DIRECTORY_OR_CREATE = "DirectoryOrCreate"
    DIRECTORY = "Directory"
    FILE_OR_CREATE = "FileOrCreate"
    FILE = "File"
    SOCKET = "Socket"
    CHAR_DEVICE = "CharDevice"
    BLOCK_DEVICE = "BlockDevice"


class AccessMode(StrEnum):
    """How a claim is mounted."""

    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_ONLY_MANY = "ReadOnlyMany"
    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE_POD = "ReadWriteOncePod"


class VolumeMode(StrEnum):
    """What a claim is; blocks have no folder to mount."""

    FILESYSTEM = "Filesystem"


class PullPolicy(StrEnum):
    """When an image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class PolicyType(StrEnum):
    """What a scaling policy counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class PolicyChoice(StrEnum):
    """Which of several scaling policies holds."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class Phase(StrEnum):
    """One word on the whole service, for people; programs read the conditions."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    READY = "Ready"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    ASLEEP = "Asleep"
    REFUSED = "Refused"
