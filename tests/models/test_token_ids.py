"""Token ids are refused with the remedy unless the service says that they are the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from tokenizers import Tokenizer

from retrieval_predictor.edge import openapi
from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.edge.budget import Budget
from retrieval_predictor.edge.calls import EMBEDDER_ENDPOINTS
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.edge.pages import KEYED
from retrieval_predictor.errors import OutOfVocabulary, TokenIdsRefused
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Precision, Settings
from retrieval_predictor.wire.work import EmbedRequest
from tests.support import checkpoints
from tests.support.near import NearEngine

TEXTS = ("how do I bake a loaf of bread", "dough")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return checkpoints.sentence_files(checkpoints.bert(tmp_path_factory.mktemp("model")))


def front_of(folder: Path, **more: Any) -> Frontend:
    model = {"uri": f"file://{folder}"}
    settings = Settings(model=model, precision=Precision.FP32, runtime_dir=folder, **more)
    near: Any = NearEngine(load(settings, folder))
    return Frontend(settings, near, Answerer(near), Keys(None, lambda: 0.0), Budget(9, 2**30))


@pytest.fixture(scope="module")
def cautious(folder: Path) -> Frontend:
    return front_of(folder)


@pytest.fixture(scope="module")
def trusting(folder: Path) -> Frontend:
    return front_of(folder, accept_token_ids=True)


async def test_ids_that_may_be_of_any_vocabulary_are_refused(cautious: Frontend):
    with pytest.raises(TokenIdsRefused, match="check_embedding_ctx_length=False"):
        await cautious.answerer.embed(EmbedRequest(((20, 30),)))


async def test_ids_of_the_models_own_tokenizer_give_the_vector_of_their_text(
    trusting: Frontend, folder: Path
):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = tuple(tuple(tokenizer.encode(text).ids) for text in TEXTS)
    got = await trusting.answerer.embed(EmbedRequest(ids))
    wanted = await trusting.answerer.embed(EmbedRequest(TEXTS))
    np.testing.assert_array_equal(got.vectors, wanted.vectors)


async def test_ids_that_the_model_lacks_are_refused_whatever_the_service_says(trusting: Frontend):
    with pytest.raises(OutOfVocabulary, match="0 to 299"):
        await trusting.answerer.embed(EmbedRequest(((20, 92_914),)))


def test_the_api_page_offers_ids_only_where_they_are_taken(cautious, trusting):
    offered = []
    for front in (cautious, trusting):
        paths = openapi.document(front, EMBEDDER_ENDPOINTS, KEYED)["paths"]
        content = paths["/v1/embeddings"]["post"]["requestBody"]["content"]
        schema = content["application/json"]["schema"]
        offered.append(jsonschema_rs.is_valid(schema, {"input": [[20, 30]]}))
    assert offered == [False, True]
