"""How kopf reaches the API server, in a session that also tells when a collection was listed.

kopf lists a collection once and then follows it; it lists again only where the server has lost the
place in its history (410 Gone), and says nothing of what has vanished meanwhile. So a second
listing of one collection is the sign that deletions may have been missed.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import aiohttp
import kopf
from kubernetes.client.rest import should_bypass_proxies
from yarl import URL


class Login:
    """kopf's login. `listed` hears the path of every collection that was listed to its end."""

    def __init__(self, configuration: Any, listed: Callable[[str], None]) -> None:
        self._configuration = configuration
        self._listed = listed
        self._known: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    async def __call__(self, **_: Any) -> kopf.AiohttpSession:
        """The session for the present token; the former one while the token is the same.

        kopf asks again after a 401 and gives up where it gets what was just refused.
        """
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
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session)

    async def _ended(
        self, _session: Any, _context: Any, params: aiohttp.TraceRequestEndParams
    ) -> None:
        if params.method == "GET" and params.response.status == HTTPStatus.OK:
            path = listed_path(params.url)
            if path is not None:
                self._listed(path)


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
