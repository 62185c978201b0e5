"""Everything the operator writes: apply, delete, status, events. Only while it leads.

Source: Kubernetes documentation, "Server-Side Apply".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from retrieval_operator.cluster.client import APPLY, MERGE, Requests
from retrieval_operator.errors import (
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    LeadershipLost,
    NotFound,
)
from retrieval_operator.world.kinds import EVENT, SERVICE, Key, Ref, ref_of

FIELD_MANAGER: Final = "retrieval-operator"
_UNDECLARED: Final = re.compile(r"((?:\.\w+)+): field not declared in schema")
_UNTYPED: Final = "failed to create typed live object"
_MOST_EVENTS: Final = "100"
_FORCED: Final = {"fieldManager": FIELD_MANAGER, "force": "true"}


class Writer:
    """Writes to the cluster; every call asks `may_write` first.

    Every method raises LeadershipLost where this replica does not lead, and ClusterError where the
    server does not do what was asked.
    """

    def __init__(self, client: Requests, may_write: Callable[[], bool]) -> None:
        self._client = client
        self._may_write = may_write

    def read(self, ref: Ref) -> dict[str, Any] | None:
        """The object as the server has it now, or None."""
        try:
            return self._client.request("GET", ref.path)
        except NotFound:
            return None

    def events(self, namespace: str, uid: str) -> tuple[dict[str, Any], ...]:
        """What others have recorded about an object; nothing where that may not be read."""
        query = {"fieldSelector": f"regarding.uid={uid}", "limit": _MOST_EVENTS}
        try:
            found = self._client.request("GET", EVENT.path(namespace), query=query)
        except ClusterRefused:
            return ()
        return tuple(found.get("items") or ())

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make the object's fields what the manifest says and take them over; the live object.

        Fields that the manifest does not name stay as they are, and those it named once go.
        """
        self._check()
        return self._apply(ref_of(manifest).path, manifest)

    def delete(self, ref: Ref, uid: str) -> bool:
        """Delete that very object with all it owns; False where it is gone already."""
        self._check()
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            self._client.request("DELETE", ref.path, body=body)
        except (NotFound, Conflict):  # gone, or another object has that name now
            return False
        return True

    def annotate(self, ref: Ref, annotations: Mapping[str, str | None]) -> dict[str, Any]:
        """Set these annotations, whoever has them; None takes one away. The live object."""
        self._check()
        body = {"metadata": {"annotations": dict(annotations)}}
        return self._client.request("PATCH", ref.path, body=body, content_type=MERGE)

    def write_status(self, key: Key, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Make this the whole status of that very service; the live object.

        Fields that the installed CustomResourceDefinition lacks, being older, are left out. An
        object from before a type was fixed cannot be applied to, and gets a merge patch.
        """
        self._check()
        body = {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.name,
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "status": status,
        }
        path = SERVICE.path(key.namespace, key.name) + "/status"
        try:
            return self._apply(path, body)
        except (ClusterRefused, ClusterUnavailable) as error:
            said = error.message if isinstance(error, ClusterRefused) else error.problem
            if _UNTYPED in said:
                merged = {"status": status}
                return self._client.request("PATCH", path, body=merged, content_type=MERGE)
            unknown = undeclared(said)
            if not unknown:
                raise
            return self._apply(path, without(body, unknown))

    def announce(self, event: Mapping[str, Any]) -> None:
        """Record an event; one of the same name is counted up instead."""
        self._check()
        metadata = event["metadata"]
        namespace = metadata["namespace"]
        try:
            self._client.request("POST", EVENT.path(namespace), body=event)
        except Conflict:
            path = EVENT.path(namespace, metadata["name"])
            known = self._client.request("GET", path)
            count = (known.get("series") or {}).get("count", 1) + 1
            series = {"count": count, "lastObservedTime": event["eventTime"]}
            self._client.request("PATCH", path, body={"series": series}, content_type=MERGE)

    def _apply(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._client.request("PATCH", path, query=_FORCED, body=body, content_type=APPLY)

    def _check(self) -> None:
        if not self._may_write():
            raise LeadershipLost


def undeclared(message: str) -> tuple[tuple[str, ...], ...]:
    """Paths of the fields that a refused apply says the schema does not have.

    The wording is structured-merge-diff's (typed/helpers.go, errorFormatter).
    """
    return tuple(tuple(path.split(".")[1:]) for path in _UNDECLARED.findall(message))


def without(body: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    """The document without the fields at these paths."""
    kept = dict(body)
    for name in {path[0] for path in paths if path}:
        rest = [path[1:] for path in paths if path and path[0] == name]
        if () in rest or not isinstance(kept.get(name), Mapping):
            kept.pop(name, None)
        else:
            kept[name] = without(kept[name], rest)
    return kept
