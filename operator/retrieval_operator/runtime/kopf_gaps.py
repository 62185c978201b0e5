"""What kopf lacks as a bare watch, worked round in one place and through its public seams.

* It tells nobody that it lists a collection anew after 410 Gone: the session hears it.
* It keeps each listed object for seconds, and whole: the session's answers are trimmed as they are
  parsed, and workers of objects end at once.
* For every event it computes what handlers of changes would need, at several milliseconds a large
  Node: `NoDiffs` computes nothing.
* A login that returns the credentials that were just refused ends it: a new token is a new session.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
import kopf
from kubernetes.client.rest import should_bypass_proxies
from yarl import URL

from retrieval_operator.runtime.kinds import Document, Kind

Trim = Callable[[Kind, Document], dict[str, Any]]


class Heard(Protocol):
    """Who is told what the session sees; called in kopf's thread."""

    def heard(self) -> None:
        """The server has answered a request of the watch."""

    def collected(self, path: str) -> None:
        """A collection is listed, for the first time or anew."""


class NoDiffs(kopf.DiffBaseStorage):  # type: ignore[misc]
    """No handler asks what has changed, so nothing is compared."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:  # noqa: ARG002 - kopf's names
        """The part of an object that handlers of changes see: nothing."""
        return {}

    def fetch(self, *, body: Any) -> Any:  # noqa: ARG002
        """What was stored of it: nothing."""
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Store nothing."""


class Login:
    """kopf's login; its session tells `heard` of listings, and trims them."""

    def __init__(
        self, configuration: Any, heard: Heard, kinds: Collection[Kind], trim: Trim
    ) -> None:
        self._configuration = configuration
        self._heard = heard
        self._answer = trimming({(one.api_version, one.name): one for one in kinds}, trim)
        self._known: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    async def __call__(self, **_: Any) -> kopf.AiohttpSession:
        """The session for the present token; the former one while the token is the same."""
        info = connection(self._configuration)
        if self._known is None or self._known[0] != info:
            self._known = (info, self._session(info))
        return self._known[1]

    def _session(self, info: kopf.ConnectionInfo) -> kopf.AiohttpSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            proxy=info.proxy_url,
            trace_configs=[trace],
            response_class=self._answer,
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session)

    async def _ended(
        self, _session: Any, _context: Any, params: aiohttp.TraceRequestEndParams
    ) -> None:
        if params.method == "GET" and params.response.status == HTTPStatus.OK:
            self._heard.heard()
            path = listed_path(params.url)
            if path is not None:
                self._heard.collected(path)


def trimming(kinds: Mapping[tuple[str, str], Kind], trim: Trim) -> type[aiohttp.ClientResponse]:
    """Answers that drop what nobody reads of a page of objects before anybody holds it."""

    class Answer(aiohttp.ClientResponse):
        async def json(self, **options: Any) -> Any:
            found = await super().json(**options)
            if not isinstance(found, dict) or not isinstance(found.get("items"), list):
                return found
            named = (str(found.get("apiVersion")), str(found.get("kind")).removesuffix("List"))
            kind = kinds.get(named)
            if kind is not None:
                found["items"] = [trim(kind, item) for item in found["items"]]
            self._body = None  # the text of the page is as large as the page
            return found

    return Answer


def listed_path(url: URL) -> str | None:
    """The collection that a request begins to list; None for a watch or a further page."""
    query = url.query
    if "watch" in query or "continue" in query or "limit" not in query:
        return None
    return url.path


def connection(configuration: Any) -> kopf.ConnectionInfo:
    """The official client's login as kopf takes it."""
    header = configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = header.rpartition(" ")
    proxy = configuration.proxy
    if proxy and should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        proxy = None
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
        proxy_url=proxy,
    )
