"""Where the files of a volume and the value of a variable come from, with Kubernetes' names.

What has no field here (a cloud's own disk, iscsi) reaches a pod through a PersistentVolumeClaim.
Source: Kubernetes API reference, core/v1 Volume and EnvVarSource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from retrieval_operator.spec.block import Block, LabelValue, Name, ObjectName, Text, Unique
from retrieval_operator.spec.choices import AccessMode, HostPathType, Medium, PullPolicy, VolumeMode
from retrieval_operator.spec.quantity import Quantity

ConfigKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Path = Annotated[str, Field(min_length=1, max_length=1024)]
Mode = Annotated[int, Field(ge=0, le=511)]


class LocalReference(Block):
    """Names an object in the same namespace."""

    name: ObjectName
    """Name of the object."""


class KeySelector(Block):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the object."""
    key: ConfigKey
    """Key inside it."""
    optional: bool = False
    """Start without it."""


class FieldRef(Block):
    """A field of the pod itself."""

    field_path: Annotated[str, Field(min_length=1, max_length=512)]
    """Path such as metadata.name or status.podIP."""
    api_version: Annotated[str, Field(max_length=64)] | None = None
    """Version of the schema; v1 where omitted."""


class ResourceFieldRef(Block):
    """A request or limit of the container."""

    resource: Annotated[str, Field(min_length=1, max_length=64)]
    """Such as limits.cpu."""
    container_name: Name | None = None
    """Container; omitted: the variable's own."""
    divisor: Quantity | None = None
    """Unit of the value."""


class EnvSource(Block):
    """Where the value of a variable comes from; exactly one field."""

    secret_key_ref: KeySelector | None = None
    """A key of a Secret."""
    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap."""
    field_ref: FieldRef | None = None
    """A field of the pod."""
    resource_field_ref: ResourceFieldRef | None = None
    """A request or limit of the container."""


class KeyToPath(Block):
    """A key as a file."""

    key: ConfigKey
    """Key."""
    path: Path
    """File below the mount."""
    mode: Mode | None = None
    """Permissions, in decimal."""


Items = Annotated[tuple[KeyToPath, ...], Field(max_length=64)]


class ConfigMapVolume(Block):
    """The keys of a ConfigMap as files."""

    name: ObjectName
    """Name of the ConfigMap."""
    items: Items = ()
    """Keys to take; omitted: all."""
    default_mode: Mode | None = None
    """Permissions of the files, in decimal."""
    optional: bool = False
    """Start without it."""


class SecretVolume(Block):
    """The keys of a Secret as files."""

    secret_name: ObjectName
    """Name of the Secret."""
    items: Items = ()
    """Keys to take; omitted: all."""
    default_mode: Mode | None = None
    """Permissions of the files, in decimal."""
    optional: bool = False
    """Start without it."""


class ClaimVolume(Block):
    """A PersistentVolumeClaim of the namespace."""

    claim_name: ObjectName
    """Name of the claim."""
    read_only: bool = False
    """Mount without write access."""


class EmptyDirVolume(Block):
    """A folder that lives as long as the pod."""

    medium: Medium | None = None
    """Memory, or omitted for the node's disk."""
    size_limit: Quantity | None = None
    """Size above which the pod is evicted."""


class HostPathVolume(Block):
    """A folder or file of the node."""

    path: Path
    """Path on the node."""
    type: HostPathType | None = None
    """What has to be there; omitted: not looked at."""


class NfsVolume(Block):
    """A folder of an NFS server."""

    server: Annotated[str, Field(min_length=1, max_length=253)]
    """Host name or address."""
    path: Path
    """Exported path."""
    read_only: bool = False
    """Mount without write access."""


class CsiVolume(Block):
    """A volume that a CSI driver makes for the pod."""

    driver: ObjectName
    """Name of the driver."""
    fs_type: Annotated[str, Field(max_length=32)] | None = None
    """File system."""
    read_only: bool = False
    """Mount without write access."""
    volume_attributes: Annotated[Mapping[str, Text], Field(max_length=32)] = {}
    """What the driver takes."""
    node_publish_secret_ref: LocalReference | None = None
    """Secret for the driver."""


class ImageVolume(Block):
    """The files of a container image."""

    reference: Annotated[str, Field(min_length=1, max_length=512)]
    """Image."""
    pull_policy: PullPolicy | None = None
    """When it is pulled."""


class ProjectedConfigMap(Block):
    """Keys of a ConfigMap."""

    name: ObjectName
    """Name of the ConfigMap."""
    items: Items = ()
    """Keys to take; omitted: all."""
    optional: bool = False
    """Start without it."""


class ProjectedToken(Block):
    """A token of the pod's ServiceAccount."""

    path: Path
    """File below the mount."""
    audience: Annotated[str, Field(max_length=512)] | None = None
    """For whom it is."""
    expiration_seconds: Annotated[int, Field(ge=600, le=31_536_000)] | None = None
    """How long it is valid."""


class Projection(Block):
    """One source of a projected volume; exactly one field."""

    config_map: ProjectedConfigMap | None = None
    """Keys of a ConfigMap."""
    secret: ProjectedConfigMap | None = None
    """Keys of a Secret."""
    service_account_token: ProjectedToken | None = None
    """A token of the pod's ServiceAccount."""


class ProjectedVolume(Block):
    """Several sources in one folder."""

    sources: Annotated[tuple[Projection, ...], Field(min_length=1, max_length=16)]
    """The sources."""
    default_mode: Mode | None = None
    """Permissions of the files, in decimal."""


class Storage(Block):
    """How large a claim is."""

    storage: Quantity
    """Size, such as 50Gi."""


class ClaimResources(Block):
    """What a claim asks for."""

    requests: Storage
    """Its size."""


class ClaimSpec(Block):
    """A claim that is made for one pod."""

    access_modes: Annotated[tuple[AccessMode, ...], Field(min_length=1, max_length=4), Unique()]
    """How it is mounted."""
    resources: ClaimResources
    """Its size."""
    storage_class_name: ObjectName | None = None
    """StorageClass; omitted: the default."""
    volume_mode: VolumeMode | None = None
    """Filesystem, where omitted."""


class ClaimMetadata(Block):
    """Labels and annotations of a claim."""

    labels: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Labels."""
    annotations: Annotated[Mapping[str, Text], Field(max_length=32)] = {}
    """Annotations."""


class ClaimTemplate(Block):
    """The claim to make."""

    metadata: ClaimMetadata = ClaimMetadata()
    """Its labels and annotations."""
    spec: ClaimSpec
    """What it asks for."""


class EphemeralVolume(Block):
    """A PersistentVolumeClaim that lives as long as the pod."""

    volume_claim_template: ClaimTemplate
    """The claim to make."""


class Volume(Block):
    """A volume of the pod: its name, and exactly one source."""

    name: Name
    """Name that volumeMounts refer to."""
    config_map: ConfigMapVolume | None = None
    """The keys of a ConfigMap as files."""
    secret: SecretVolume | None = None
    """The keys of a Secret as files."""
    persistent_volume_claim: ClaimVolume | None = None
    """A PersistentVolumeClaim of the namespace."""
    empty_dir: EmptyDirVolume | None = None
    """A folder that lives as long as the pod."""
    ephemeral: EphemeralVolume | None = None
    """A PersistentVolumeClaim that lives as long as the pod."""
    host_path: HostPathVolume | None = None
    """A folder or file of the node."""
    nfs: NfsVolume | None = None
    """A folder of an NFS server."""
    csi: CsiVolume | None = None
    """A volume that a CSI driver makes for the pod."""
    image: ImageVolume | None = None
    """The files of a container image."""
    projected: ProjectedVolume | None = None
    """Several sources in one folder."""


def sources(block: type[Block]) -> tuple[str, ...]:
    """The fields of a union of sources, by their names in the object."""
    return tuple(
        field.alias or name for name, field in block.model_fields.items() if name != "name"
    )
