"""Kinds of Kubernetes objects, and how one object is addressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Document = Mapping[str, Any]


class Key(NamedTuple):
    """One object that passes are made over."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server addresses it; `api_version` is `v1` or `group/version`."""

    name: str
    api_version: str
    plural: str
    is_namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Path of one object, or of the list where no name is given."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Ref:
    """One object of a kind."""

    kind: Kind
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}".replace(" /", " ")


@dataclass(frozen=True, slots=True)
class Place:
    """One collection that is followed: a kind in a namespace, or everywhere where that is empty.

    `labels` and `namespace` narrow what is listed and watched.
    """

    kind: Kind
    namespace: str = ""
    labels: str = ""

    @property
    def path(self) -> str:
        """Where the API server lists it."""
        return self.kind.path(self.namespace)

    def holds(self, namespace: str) -> bool:
        """Whether objects of that namespace are in it; cluster-wide objects concern all."""
        return self.namespace in {"", namespace}

    def __str__(self) -> str:
        return f"{self.kind.name} in {self.namespace}" if self.namespace else self.kind.name


LEASE: Final = Kind("Lease", "coordination.k8s.io/v1", "leases")
EVENT: Final = Kind("Event", "events.k8s.io/v1", "events")
