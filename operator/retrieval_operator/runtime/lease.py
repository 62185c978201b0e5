"""The Lease of the leader election, read and written with the version that was read.

Source: Kubernetes API reference, coordination.k8s.io/v1 Lease; times have six decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from retrieval_operator.errors import NotFound
from retrieval_operator.runtime.client import Requests
from retrieval_operator.runtime.kinds import LEASE

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Record:
    """The lease as it was read: who holds it, for how long, and the version to write against.

    `version` is empty where there is no lease yet. `renewed` is the holder's clock, and is only
    compared with itself.
    """

    version: str = ""
    holder: str = ""
    seconds: int = 0
    renewed: str = ""
    acquired: str = ""
    transitions: int = 0


class LeaseFile:
    """One Lease object; its methods raise ClusterError, Conflict where another was faster."""

    def __init__(self, client: Requests, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name

    def read(self) -> Record:
        """What it says now."""
        try:
            return _record(self._client.request("GET", LEASE.path(self._namespace, self._name)))
        except NotFound:
            return Record()

    def write(self, before: Record, holder: str, seconds: int, now: datetime) -> Record:
        """Hold it under this name; an empty `holder` gives it up."""
        is_same = before.holder == holder
        stamp = now.astimezone(UTC).strftime(_TIME)
        document = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                **({"resourceVersion": before.version} if before.version else {}),
            },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": seconds,
                "renewTime": stamp,
                "acquireTime": before.acquired if is_same and before.acquired else stamp,
                "leaseTransitions": before.transitions + (0 if is_same or not holder else 1),
            },
        }
        if before.version:
            path = LEASE.path(self._namespace, self._name)
            return _record(self._client.request("PUT", path, body=document))
        return _record(self._client.request("POST", LEASE.path(self._namespace), body=document))


def _record(document: dict[str, Any]) -> Record:
    spec = document.get("spec") or {}
    return Record(
        version=str((document.get("metadata") or {}).get("resourceVersion") or ""),
        holder=str(spec.get("holderIdentity") or ""),
        seconds=int(spec.get("leaseDurationSeconds") or 0),
        renewed=str(spec.get("renewTime") or ""),
        acquired=str(spec.get("acquireTime") or ""),
        transitions=int(spec.get("leaseTransitions") or 0),
    )
