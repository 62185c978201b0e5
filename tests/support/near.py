"""An engine without a socket or a queue: a request is one batch."""

from __future__ import annotations

import dataclasses

from retrieval_predictor.model.load import Loaded
from retrieval_predictor.wire.ragged import joined
from retrieval_predictor.wire.work import Batch, Part, Reference, Rows, Run


class NearEngine:
    """Runs each request at once, where the test runs."""

    def __init__(self, loaded: Loaded) -> None:
        self._runner = loaded.runner
        self.state = {"card": dataclasses.asdict(loaded.card)}

    async def run(self, run: Run) -> Rows:
        """One row a text; no time is measured."""
        return Rows(joined(self._runner.run(Batch((Part(run.encoded, 0, Reference()),)))), 0.0, 0.0)

    def admit(self, tokens: int, client: int) -> None:
        """Anything is admitted: nothing ever waits."""
