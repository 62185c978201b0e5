"""One embedder and one reranker on the built-in model, for every test of this folder.

Both compute in fp32 on every machine: left to itself a CPU with bf16 instructions takes bf16, whose
digits are others. `test_embeddings.py` has a predictor in bf16 too, on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import Predictor, running


@pytest.fixture(scope="session")
def embedder(tmp_path_factory) -> Iterator[Predictor]:
    """Two API workers, 512 tokens a text."""
    folder = tmp_path_factory.mktemp("embedder")
    settings = {"component": "embedder", "workers": 2, "max_input_tokens": 512}
    with running(folder, precision="fp32", **settings) as predictor:
        yield predictor


@pytest.fixture(scope="session")
def reranker(tmp_path_factory) -> Iterator[Predictor]:
    """One API worker."""
    folder = tmp_path_factory.mktemp("reranker")
    with running(folder, component="reranker", precision="fp32") as predictor:
        yield predictor
