"""Search as tools for agents: an MCP server with `search` and `fetch`, at `/mcp`.

The two have the shape that OpenAI's connectors ask for. The transport is stateless, so any API
worker and any replica answers any request.
"""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from retrieval_predictor import __version__
from retrieval_predictor.errors import RetrievalError
from retrieval_predictor.wire.work import Caller
from retrieval_search.edge.frontend import Frontend
from retrieval_search.edge.query import Query, Rerank
from retrieval_search.passages.passage import Passage

PATH = "/mcp"
_RESULTS = 10


def server(front: Frontend) -> MCPServer[Any]:
    """The two tools over an index."""
    made: MCPServer[Any] = MCPServer(
        front.settings.served_name, version=__version__, subscriptions=False
    )

    @made.tool()
    async def search(query: str) -> dict[str, Any]:
        """Passages that answer a query, best first; `fetch` gives the whole of one."""
        defaults = front.settings.defaults
        asked = Query(
            text=query,
            top_k=_RESULTS,
            candidates=defaults.candidates,
            fusion=defaults.usual_fusion,
            rerank=Rerank(required=False),
        )
        try:
            results = await front.searcher.search(asked, Caller())
        except RetrievalError as error:
            raise ToolError(str(error)) from None
        return {"results": [_listed(hit.passage) for hit in results.hits]}

    @made.tool()
    async def fetch(id: str) -> dict[str, Any]:  # noqa: A002  (the name of the argument in MCP)
        """The whole passage with an id that `search` gave."""
        version = front.index.state.get("version")
        if version is None:
            raise ToolError(f"no index is served yet ({front.index.phase})")
        passages = front.searcher.library.volume(version).passages
        row = passages.row_of(id)
        if row is None:
            raise ToolError(f"no passage has the id {id[:100]!r}")
        passage = passages.at(row)
        return {**_listed(passage), "text": passage.text, "metadata": dict(passage.metadata)}

    return made


def application(made: MCPServer[Any]) -> Starlette:
    """The server as an application; names of hosts are the cluster's business."""
    return made.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )


def _listed(passage: Passage) -> dict[str, Any]:
    return {"id": passage.id, "title": passage.title or passage.id, "url": passage.url}
