"""bge-m3's weights and token vectors over HTTP: the authors' numbers by every route."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from tests.support.processes import Predictor, running
from tests.support.token_outputs import Formulas, Wanted, m3

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

TEXTS = ["how do I bake a loaf of bread", "dough", "", "mix flour and water, " * 40]
MAX_TOKENS = 100
TOLERANCE = 2e-5
NAMES = ["sparse_indices", "sparse_values", "sparse_lengths", "colbert", "colbert_lengths"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return m3(tmp_path_factory.mktemp("models") / "m3")


@pytest.fixture(scope="module")
def predictor(folder: Path, tmp_path_factory) -> Iterator[Predictor]:
    settings: dict[str, Any] = {
        "model__uri": f"file://{folder}",
        "precision": "fp32",
        "max_input_tokens": MAX_TOKENS,
    }
    with running(tmp_path_factory.mktemp("m3"), component="embedder", **settings) as predictor:
        yield predictor


@pytest.fixture(scope="module")
def wanted(folder: Path) -> list[Wanted]:
    formulas = Formulas(folder)
    return [formulas.of_text(text, MAX_TOKENS) for text in TEXTS]


def weights_of(indices: Any, values: Any) -> dict[int, float]:
    return dict(zip(map(int, indices), map(float, values), strict=True))


def check(got: dict[str, Any], wanted: list[Wanted]) -> None:
    """The outputs of an inference request, each as an array."""
    np.testing.assert_allclose(got["embedding"], [one.dense for one in wanted], atol=TOLERANCE)
    assert list(got["sparse_lengths"]) == [len(one.sparse) for one in wanted]
    ends = np.cumsum(got["sparse_lengths"])[:-1]
    pairs = (np.split(np.asarray(got[name]), ends) for name in NAMES[:2])
    for indices, values, one in zip(*pairs, wanted, strict=True):
        assert weights_of(indices, values) == pytest.approx(one.sparse, abs=TOLERANCE)
    assert list(got["colbert_lengths"]) == [len(one.colbert) for one in wanted]
    vectors = np.concatenate([one.colbert for one in wanted])
    np.testing.assert_allclose(got["colbert"], vectors, atol=TOLERANCE)


def test_json_has_the_outputs_that_are_asked_for(predictor: Predictor, wanted: list[Wanted]):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(TEXTS)], "data": TEXTS}
    names = ["embedding", *NAMES]
    body = {"inputs": [tensor], "outputs": [{"name": name} for name in names]}
    outputs = predictor.post("/v2/models/embedder/infer", json=body).json()["outputs"]
    assert [output["name"] for output in outputs] == names
    check({one["name"]: np.reshape(one["data"], one["shape"]) for one in outputs}, wanted)


def test_tritons_client_gets_them_as_bytes(predictor: Predictor, wanted: list[Wanted]):
    with triton.InferenceServerClient(predictor.url.removeprefix("http://")) as client:
        told = client.get_model_metadata("embedder")["outputs"]
        texts = triton.InferInput("text", [len(TEXTS)], "BYTES")
        texts.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=np.object_))
        names = ["embedding", *NAMES]
        outputs = [triton.InferRequestedOutput(name, binary_data=True) for name in names]
        answer = client.infer("embedder", [texts], outputs=outputs)
        check({name: answer.as_numpy(name) for name in names}, wanted)
    assert {*names} < {one["name"] for one in told}


def test_embed_sparse_has_the_weights_of_each_text(predictor: Predictor, wanted: list[Wanted]):
    rows = predictor.post("/embed_sparse", json={"inputs": TEXTS}).json()
    for row, one in zip(rows, wanted, strict=True):
        weights = {entry["index"]: entry["value"] for entry in row}
        assert weights == pytest.approx(one.sparse, abs=TOLERANCE)


def test_embed_all_has_the_vectors_of_each_text(predictor: Predictor, wanted: list[Wanted]):
    rows = predictor.post("/embed_all", json={"inputs": TEXTS}).json()
    for row, one in zip(rows, wanted, strict=True):
        np.testing.assert_allclose(row, one.colbert, atol=TOLERANCE)


def test_who_asks_for_vectors_gets_the_same_as_ever(predictor: Predictor, wanted: list[Wanted]):
    rows = predictor.post("/embed", json={"inputs": TEXTS}).json()
    np.testing.assert_allclose(rows, [one.dense for one in wanted], atol=TOLERANCE)
