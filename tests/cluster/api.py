"""What tests ask of an API server: read, write and wait, over plain HTTP.

Kinds are written as "apps/v1/Deployment" or "v1/Pod"; discovery tells their paths. Every write asks
for strict validation, so a misspelt field fails the test that wrote it.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from retrieval_operator.crd import PLURAL
from retrieval_operator.spec.service import GROUP, KIND, VERSION
from tests.cluster.pki import KeyPair

Document = Mapping[str, Any]
Predicate = Callable[[Document], object]

DEPLOYMENT: Final = "apps/v1/Deployment"
INFERENCE_SERVICE: Final = "serving.kserve.io/v1beta1/InferenceService"
NAMESPACE: Final = "v1/Namespace"
NODE: Final = "v1/Node"
POD: Final = "v1/Pod"
RETRIEVAL_SERVICE: Final = f"{GROUP}/{VERSION}/{KIND}"
SERVICE_ACCOUNT: Final = "v1/ServiceAccount"

REFERENCE: Final = f"/openapi/v3/apis/{GROUP}/{VERSION}"
"""What `kubectl explain` reads about our kind."""
OBJECTS: Final = f"/apis/{GROUP}/{VERSION}/{PLURAL}"
LIMIT_S: Final = 90.0
"""How long a test waits where it says nothing else. Only a test that fails waits so long, and a
machine that many share may take tens of seconds over what takes one."""
_STRICT: Final = {"fieldValidation": "Strict"}
_RECONNECT_S: Final = 0.1
_POLL_S: Final = 0.05
_ATTEMPTS: Final = 10


class Refused(Exception):
    """The API server said no; `status` is the HTTP status, `message` and `paths` are its words."""

    def __init__(self, status: int, body: Document) -> None:
        self.status = status
        self.message = str(body.get("message", body))
        causes = (body.get("details") or {}).get("causes", ())
        self.paths = tuple(cause.get("field", "") for cause in causes)
        super().__init__(self.message)


class NotInTime(AssertionError):
    """Something did not come true; the message shows the object as it was last seen."""

    def __init__(self, what: str, limit_s: float, seen: Document | None) -> None:
        last = yaml.safe_dump(_readable(seen), sort_keys=False) if seen else "nothing"
        super().__init__(f"{what}: not within {limit_s:.0f} s; last seen:\n{last}")


class Api:
    """One user's view of an API server; `credentials` are a certificate or a bearer token."""

    def __init__(self, url: str, authority: Path, credentials: KeyPair | str) -> None:
        context = ssl.create_default_context(cafile=authority)
        headers = {}
        if isinstance(credentials, str):
            headers["Authorization"] = f"Bearer {credentials}"
        else:
            context.load_cert_chain(credentials.certificate, credentials.key)
        self._http = httpx.Client(
            base_url=url, verify=context, headers=headers, trust_env=False, timeout=30.0
        )
        self._paths: dict[str, tuple[str, bool]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def answers(self, path: str) -> bool:
        """Whether a GET of a path succeeds."""
        return self._http.get(path).is_success

    def send(self, method: str, path: str, **arguments: Any) -> Document:
        """The document in the answer to any request.

        An API server that cannot answer for the moment, as in the second after a definition of a
        kind changed, says 429 with Retry-After, and every client of Kubernetes asks again.

        Raises:
            Refused: The status is 400 or above.
        """
        for _ in range(_ATTEMPTS):
            reply = self._http.request(method, path, **arguments)
            if reply.status_code != 429 or "Retry-After" not in reply.headers:
                break
            time.sleep(float(reply.headers["Retry-After"]))
        if reply.is_error:
            raise Refused(reply.status_code, _status(reply))
        document: Document = reply.json()
        return document

    def serves(self, kind: str) -> bool:
        """Whether discovery lists a kind now."""
        try:
            self._discovered(kind)
        except LookupError:
            return False
        return True

    def apply(self, document: Document, manager: str = "test") -> Document:
        """The stored object after a forced server-side apply."""
        return self.send(
            "PATCH",
            self._of(document),
            params=_STRICT | {"fieldManager": manager, "force": "true"},
            content=json.dumps(document),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def create(self, document: Document) -> Document:
        """The stored new object."""
        path = self._of(document).rpartition("/")[0]
        return self.send("POST", path, params=_STRICT, json=document)

    def try_out(self, document: Document) -> Document:
        """What would be stored, defaults included; nothing is."""
        path = self._of(document).rpartition("/")[0]
        return self.send("POST", path, params=_STRICT | {"dryRun": "All"}, json=document)

    def get(self, kind: str, name: str, namespace: str = "default") -> Document:
        """One object."""
        return self.send("GET", f"{self._path(kind, namespace)}/{name}")

    def find(self, kind: str, name: str, namespace: str = "default") -> Document | None:
        """One object, or None where there is none."""
        try:
            return self.get(kind, name, namespace)
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str = "default", labels: str = "") -> tuple[Document, ...]:
        """The objects of a namespace, or all cluster-wide ones, that a label selector takes."""
        found = self.send("GET", self._path(kind, namespace), params={"labelSelector": labels})
        api_version, _, name = kind.rpartition("/")
        return tuple({"apiVersion": api_version, "kind": name} | item for item in found["items"])

    def patch(
        self,
        kind: str,
        name: str,
        change: Document,
        namespace: str = "default",
        subresource: str = "",
    ) -> Document:
        """The stored object after a merge patch."""
        path = f"{self._path(kind, namespace)}/{name}"
        return self.send(
            "PATCH",
            f"{path}/{subresource}" if subresource else path,
            params=_STRICT,
            content=json.dumps(change),
            headers={"Content-Type": "application/merge-patch+json"},
        )

    def patch_status(
        self, kind: str, name: str, status: Document, namespace: str = "default"
    ) -> Document:
        """The stored object after a merge patch of its status."""
        return self.patch(kind, name, {"status": status}, namespace, "status")

    def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Ask for the end of an object, which may be gone already."""
        try:
            self.send("DELETE", f"{self._path(kind, namespace)}/{name}")
        except Refused as refusal:
            if refusal.status != 404:
                raise

    def token(self, account: str, namespace: str) -> str:
        """A bearer token of a ServiceAccount, good for a day."""
        path = f"{self._path(SERVICE_ACCOUNT, namespace)}/{account}/token"
        answer = self.send("POST", path, json={"spec": {"expirationSeconds": 86400}})
        return str(answer["status"]["token"])

    def wait_for(
        self,
        kind: str,
        name: str,
        predicate: Predicate,
        *,
        namespace: str = "default",
        limit_s: float = LIMIT_S,
    ) -> Document:
        """An object as soon as the predicate is true of it, found by a watch.

        The watch starts anew where it ends, also while the API server is away. An empty name stands
        for any object of the namespace.

        Raises:
            NotInTime: It was not within `limit_s`.
        """
        seen: Document | None = None
        for seen in self._seen(kind, name, namespace, time.monotonic() + limit_s):
            if predicate(seen):
                return seen
        meaning = getattr(predicate, "__name__", "the predicate")
        raise NotInTime(f"{kind} {namespace}/{name or '*'} {meaning}", limit_s, seen)

    def wait_gone(
        self, kind: str, name: str, namespace: str = "default", limit_s: float = LIMIT_S
    ) -> None:
        """Return once an object is gone.

        Raises:
            NotInTime: It was not within `limit_s`.
        """
        deadline_s = time.monotonic() + limit_s
        while (seen := self.find(kind, name, namespace)) is not None:
            if time.monotonic() > deadline_s:
                raise NotInTime(f"{kind} {namespace}/{name} is gone", limit_s, seen)
            time.sleep(_POLL_S)

    def _seen(self, kind: str, name: str, namespace: str, deadline_s: float) -> Iterator[Document]:
        """Every state of the objects from now on, the present one first."""
        path = self._path(kind, namespace)
        params = {"watch": "true"} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
        while (left_s := deadline_s - time.monotonic()) > 0:
            limits = httpx.Timeout(30.0, read=left_s)
            try:
                with self._http.stream("GET", path, params=params, timeout=limits) as reply:
                    yield from _objects(reply)
            except httpx.TransportError:
                pass
            time.sleep(min(_RECONNECT_S, max(0.0, deadline_s - time.monotonic())))

    def _of(self, document: Document) -> str:
        kind = f"{document['apiVersion']}/{document['kind']}"
        metadata = document["metadata"]
        return f"{self._path(kind, metadata.get('namespace', 'default'))}/{metadata['name']}"

    def _path(self, kind: str, namespace: str) -> str:
        if kind not in self._paths:
            self._paths[kind] = self._discovered(kind)
        plural, is_namespaced = self._paths[kind]
        root = _root(kind.rpartition("/")[0])
        return f"{root}/namespaces/{namespace}/{plural}" if is_namespaced else f"{root}/{plural}"

    def _discovered(self, kind: str) -> tuple[str, bool]:
        api_version, _, name = kind.rpartition("/")
        reply = self._http.get(_root(api_version))
        for resource in reply.json().get("resources", ()) if reply.is_success else ():
            if resource["kind"] == name and "/" not in resource["name"]:
                return resource["name"], resource["namespaced"]
        raise LookupError(f"the API server has no {kind}")


def until(check: Callable[[], object], meaning: str, limit_s: float = LIMIT_S) -> None:
    """Return once `check` is true.

    Raises:
        NotInTime: It was not within `limit_s`.
    """
    deadline_s = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > deadline_s:
            raise NotInTime(meaning, limit_s, None)
        time.sleep(_POLL_S)


def condition(document: Document, kind: str) -> Document:
    """A condition out of an object's status; empty where it is not there."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def is_ready(document: Document) -> bool:
    """Whether the Ready condition is True."""
    return condition(document, "Ready").get("status") == "True"


def _objects(reply: httpx.Response) -> Iterator[Document]:
    if reply.is_error:
        return
    for line in reply.iter_lines():
        event = json.loads(line)
        if event["type"] not in {"ERROR", "BOOKMARK", "DELETED"}:
            yield event["object"]


def _status(reply: httpx.Response) -> Document:
    try:
        body: Document = reply.json()
    except ValueError:
        body = {"message": reply.text}
    return body


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _readable(document: Document) -> Document:
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return {**document, "metadata": metadata}
