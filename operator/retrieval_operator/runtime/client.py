"""Requests to the API server, and its refusals as errors by who has to act.

Source: Kubernetes API concepts; apimachinery `metav1.Status` and its reasons.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from math import inf
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from kubernetes.client import ApiClient
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from retrieval_operator.errors import (
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    KindMissing,
    NotFound,
    OperatorError,
    WebhookUnreachable,
)

JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
"""JSON is YAML, so an apply patch is sent as JSON."""
METADATA: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""A listing without specs and statuses."""

_OVERLOADED: Final = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.GONE,  # a page of a listing that took too long: it begins anew
}
_MOST_TEXT: Final = 1000
_UNTYPED: Final = "failed to create typed patch object"
"""What is applied does not fit its schema (structured-merge-diff, kubernetes/kubernetes#122480)."""

Send = Callable[
    [str, str, bytes | None, Mapping[str, str], float], tuple[int, Mapping[str, str], bytes]
]
"""(method, path with query, body, headers, most seconds) -> (status, headers, body); raises
OSError."""


class Requests(Protocol):
    """What the rest of this package needs of a client."""

    def request(  # noqa: PLR0913 - the parts of one request, each passed by name
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within_s: float = inf,
    ) -> dict[str, Any]:
        """Ask, and give the answer's document; nobody waits longer than `within_s`."""


class Client:
    """One API server; may be used from any number of threads. `counted` hears of every answer."""

    def __init__(self, send: Send, counted: Callable[[str, int], None]) -> None:
        self._send = send
        self._counted = counted

    def request(  # noqa: PLR0913 - the parts of one request, each passed by name
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within_s: float = inf,
    ) -> dict[str, Any]:
        """The document that the server answers with.

        Raises:
            ClusterError: The class says who has to act.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        what = f"{method} {path}"
        content = None if body is None else json.dumps(body).encode()
        try:
            status, headers, answer = self._send(
                method,
                target,
                content,
                {"Accept": accept, "Content-Type": content_type},
                within_s,
            )
        except OSError as error:
            self._counted(method, 0)
            raise ClusterUnavailable(what, str(error) or type(error).__name__) from error
        self._counted(method, status)
        if status >= HTTPStatus.BAD_REQUEST:
            raise refusal(what, status, headers, answer)
        return _document(answer)


def connect(
    configuration: Any,
    timeout_s: float,
    counted: Callable[[str, int], None],
    user_agent: str = "retrieval-operator",
) -> Client:
    """A client with the official library's login, TLS and connection pool."""
    library = ApiClient(configuration)

    def send(
        method: str,
        target: str,
        content: bytes | None,
        asked: Mapping[str, str],
        within_s: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {**asked, "User-Agent": user_agent}
        token = configuration.get_api_key_with_prefix("BearerToken")
        if token:
            headers["Authorization"] = token
        try:
            answer = library.rest_client.pool_manager.request(
                method,
                configuration.host.rstrip("/") + target,
                body=content,
                headers=headers,
                timeout=Timeout(total=min(timeout_s, within_s)),
                retries=False,
            )
        except HTTPError as error:
            raise OSError(str(error)) from error
        return answer.status, answer.headers, answer.data

    return Client(send, counted)


def refusal(what: str, status: int, headers: Mapping[str, str], answer: bytes) -> OperatorError:
    """The error for an answer that is none: by its status, and by what its text says."""
    document = _document(answer)
    message = str(document.get("message") or answer[:_MOST_TEXT].decode(errors="replace"))
    message = " ".join(message.split())[:_MOST_TEXT]
    if "failed calling webhook" in message:
        return WebhookUnreachable(what, message)
    if _UNTYPED in message:  # a plain error of the server's, which it therefore calls its own: 500
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    if status == HTTPStatus.NOT_FOUND:
        return _missing(what, document)
    if status == HTTPStatus.CONFLICT:
        return Conflict(what)
    if status in _OVERLOADED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ClusterUnavailable(what, f"{status} {message}", _retry_after_s(headers, document))
    if status == HTTPStatus.UNAUTHORIZED or _is_going(document):
        return ClusterUnavailable(what, f"{status} {message}")
    return ClusterRefused(what, status, message)


def _missing(what: str, document: Mapping[str, Any]) -> OperatorError:
    """A name that is not there is described; a kind that is not served gets a bare 404."""
    details = document.get("details") or {}
    if details.get("name"):
        return NotFound(f"{details.get('kind', 'object')} {details['name']}")
    return KindMissing(what.rpartition("/apis/")[2] or what)


def _is_going(document: Mapping[str, Any]) -> bool:
    """Whether the namespace is being deleted: what is asked for is about to be pointless."""
    causes = (document.get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _retry_after_s(headers: Mapping[str, str], document: Mapping[str, Any]) -> float:
    written = headers.get("Retry-After") or (document.get("details") or {}).get("retryAfterSeconds")
    try:
        return min(max(float(written or 0), 0.0), 300.0)
    except ValueError:  # an HTTP date, which API servers do not send
        return 0.0


def _document(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
