"""Ask the embedder now and then whether it is still the one that made the index."""

from __future__ import annotations

from retrieval_search.index.space import Space, check_same
from retrieval_search.services.connection import QUICK
from retrieval_search.services.embedder import Embedder, space


class Spaces:
    """The embedder of a search service; None where it is only given vectors and words."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder

    async def check(self, index: Space) -> None:
        """See that the embedder makes vectors of the index's space.

        Raises:
            AnotherSpace: It does not.
            EmbedderRefused: It does not answer.
        """
        if self._embedder is not None:
            _, found = await space(self._embedder, QUICK)
            check_same(index, found)

    async def close(self) -> None:
        """Close the connections to the embedder."""
        if self._embedder is not None:
            await self._embedder.service.close()
