"""Everything the operator writes: apply, delete, status, events. Only while it leads.

No write is waited for longer than the lead lasts: a leader that is cut off gives its last request
up, and with it the API server, before another replica may write.

Source: Kubernetes documentation, "Server-Side Apply".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from retrieval_operator.errors import (
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    LeadershipLost,
    NotFound,
)
from retrieval_operator.runtime.client import APPLY, JSON, MERGE, Requests
from retrieval_operator.runtime.events import Events
from retrieval_operator.runtime.kinds import EVENT, Document, Ref

_UNDECLARED: Final = re.compile(r"((?:\.\w+)+): field not declared in schema")
_UNTYPED: Final = "failed to create typed live object"


class Writer:
    """Writes to the cluster; every call asks first for how many seconds this replica still leads.

    Every method raises LeadershipLost where this replica does not lead, and ClusterError where the
    server does not do what was asked. `manager` owns the fields that are applied.
    """

    def __init__(
        self,
        client: Requests,
        manager: str,
        lead_s: Callable[[], float],
        ref_of: Callable[[Document], Ref],
    ) -> None:
        self._client = client
        self._forced = {"fieldManager": manager, "force": "true"}
        self._lead_s = lead_s
        self._ref_of = ref_of
        self._events = Events(client)

    def read(self, ref: Ref) -> dict[str, Any] | None:
        """The object as the server has it now, or None."""
        try:
            return self._client.request("GET", ref.path)
        except NotFound:
            return None

    def events(self, namespace: str, uid: str) -> tuple[Mapping[str, Any], ...]:
        """What others have recorded about an object."""
        return self._events.of(namespace, uid)

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make the object's fields what the manifest says and take them over; the live object.

        Fields that the manifest does not name stay as they are, and those it named once go.
        """
        return self._apply(self._ref_of(manifest).path, manifest)

    def delete(self, ref: Ref, uid: str) -> bool:
        """Delete that very object with all it owns; False where it is gone already."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            self._write("DELETE", ref.path, body=body)
        except (NotFound, Conflict):  # gone, or another object has that name now
            return False
        return True

    def annotate(self, ref: Ref, annotations: Mapping[str, str | None]) -> dict[str, Any]:
        """Set these annotations, whoever has them; None takes one away. The live object."""
        body = {"metadata": {"annotations": dict(annotations)}}
        return self._write("PATCH", ref.path, body=body, content_type=MERGE)

    def write_status(self, ref: Ref, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Make this the whole status of that very object; the live object.

        Fields that the installed CustomResourceDefinition lacks, being older, are left out. An
        object from before a type was fixed cannot be applied to, and gets a merge patch.
        """
        body = {
            "apiVersion": ref.kind.api_version,
            "kind": ref.kind.name,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": uid},
            "status": status,
        }
        path = f"{ref.path}/status"
        try:
            return self._apply(path, body)
        except (ClusterRefused, ClusterUnavailable) as error:
            said = error.message if isinstance(error, ClusterRefused) else error.problem
            if _UNTYPED in said:
                merged = {"status": status}
                return self._write("PATCH", path, body=merged, content_type=MERGE)
            unknown = undeclared(said)
            if not unknown:
                raise
            return self._apply(path, without(body, unknown))

    def announce(self, event: Mapping[str, Any]) -> None:
        """Record an event; one of the same name is counted up instead."""
        metadata = event["metadata"]
        namespace = metadata["namespace"]
        try:
            self._write("POST", EVENT.path(namespace), body=event)
        except Conflict:
            path = EVENT.path(namespace, metadata["name"])
            known = self._client.request("GET", path)
            count = (known.get("series") or {}).get("count", 1) + 1
            series = {"count": count, "lastObservedTime": event["eventTime"]}
            self._write("PATCH", path, body={"series": series}, content_type=MERGE)

    def _apply(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._write("PATCH", path, query=self._forced, body=body, content_type=APPLY)

    def _write(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any],
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        left_s = self._lead_s()
        if left_s <= 0:
            raise LeadershipLost
        return self._client.request(
            method, path, query=query, body=body, content_type=content_type, within_s=left_s
        )


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
