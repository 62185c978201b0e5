"""What `kubectl logs` asks of a node."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from tests.cluster.agent.node import LOG_PORT
from tests.cluster.agent.pod import Pod


async def serve_logs(
    pods: Mapping[str, Pod], address: str, certificate: Path, key: Path
) -> web.AppRunner:
    """Answer on the node's address; close it with `cleanup`."""

    async def logs(request: web.Request) -> web.Response:
        wanted = (request.match_info["namespace"], request.match_info["pod"])
        for pod in list(pods.values()):
            metadata = pod.document["metadata"]
            if (metadata["namespace"], metadata["name"]) == wanted:
                is_previous = request.query.get("previous") == "true"
                text = pod.log(request.match_info["container"], is_previous=is_previous)
                return web.Response(body=text)
        return web.Response(status=404)

    application = web.Application()
    application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs)
    runner = web.AppRunner(application, shutdown_timeout=0.1)  # kubectl keeps connections
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    await web.TCPSite(runner, address, LOG_PORT, ssl_context=context).start()
    return runner
