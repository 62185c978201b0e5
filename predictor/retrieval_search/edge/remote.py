"""An API worker's end of the index process's socket."""

from __future__ import annotations

from pathlib import Path

from retrieval_predictor.edge.remote import RemoteEngine
from retrieval_search.asks import Ask, Found, pack_ask, unpack_found

SOCKET = "index.sock"


class RemoteIndex(RemoteEngine):
    """The index process; it reconnects for as long as it is open."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket, unpack_found)

    async def find(self, ask: Ask) -> Found:
        """What the legs find.

        Raises:
            NotReady: No version is served, or there is no index process.
            EngineLost: It died, or fell silent, with the query on board.
            RetrievalError: Whatever it answered with.
        """
        found: Found = await self.ask(lambda request_id: pack_ask(request_id, ask))
        return found
