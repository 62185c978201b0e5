"""One embedder and one reranker on the built-in model, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import Predictor, running


@pytest.fixture(scope="session")
def embedder(tmp_path_factory) -> Iterator[Predictor]:
    """Two API workers, 512 tokens a text."""
    folder = tmp_path_factory.mktemp("embedder")
    with running(folder, component="embedder", workers=2, max_input_tokens=512) as predictor:
        yield predictor


@pytest.fixture(scope="session")
def reranker(tmp_path_factory) -> Iterator[Predictor]:
    """One API worker."""
    with running(tmp_path_factory.mktemp("reranker"), component="reranker") as predictor:
        yield predictor
