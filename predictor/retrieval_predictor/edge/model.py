"""The KServe model: thin enough to be pickled into every worker, never a copy of the weights."""

from __future__ import annotations

from collections.abc import Callable

import kserve

from retrieval_predictor.edge.app import install


class RetrievalModel(kserve.Model):  # type: ignore[misc]
    """What KServe registers. Its whole state is its name; the engine is found per process."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True  # registered at once; the pages and gRPC tell whether it can answer

    def __reduce__(self) -> tuple[Callable[[str], RetrievalModel], tuple[str]]:
        return _in_worker, (self.name,)

    def load(self) -> bool:
        """Nothing to do here: the engine loads."""
        return True


def _in_worker(name: str) -> RetrievalModel:
    """Unpickle the model: the first of our code that a new KServe worker runs."""
    install()
    return RetrievalModel(name)
