"""mxbai-rerank-v2 is asked as its authors' code asks it, and scores as it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.text.chat import MXBAI_RERANK_V2, read_chat
from retrieval_predictor.text.template import open_tokenizer
from retrieval_predictor.text.tokenise import Tokeniser
from retrieval_predictor.wire.work import RerankRequest, Truncation
from tests.support import checkpoints
from tests.support.near import NearEngine

PREFIX = (
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    "<|im_end|>\n<|im_start|>user\n"
)
TASK = (
    "You are a search relevance expert who evaluates how well documents match search queries. "
    "For each query-document pair, carefully analyze the semantic relationship between them, then "
    "provide your binary relevance judgment (0 for not relevant, 1 for relevant).\nRelevance:"
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n"
DOCUMENTS = ("mix flour, water.", "", "\nZürich 北京", "the market closed lower " * 9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return checkpoints.mxbai_reranker(tmp_path_factory.mktemp("model"))


def authors_ids(path: Path, instruction: str | None, query: str, document: str) -> list[int]:
    """Their pieces, each tokenised by itself, in their order."""
    library = PreTrainedTokenizerFast(tokenizer_file=str(path / "tokenizer.json"))
    told = f"instruction: {instruction}\n" if instruction else ""
    texts = (f"{told}query: {query}", "\n", f"document: {document}", "\n", TASK, SUFFIX)
    ids = [library.encode(text, add_special_tokens=False) for text in (PREFIX, *texts)]
    return [one for part in ids for one in part]


def answerer(folder: Path, tmp_path: Path, **more: Any) -> Answerer:
    model = {"uri": f"file://{folder}"}
    settings = Settings(component=Component.RERANKER, model=model, precision=Precision.FP32, **more)
    return Answerer(NearEngine(load(settings, tmp_path)))


@pytest.mark.parametrize("instruction", [None, "be strict"])
async def test_scores_are_those_of_the_authors_code(folder: Path, tmp_path: Path, instruction):
    served = answerer(folder, tmp_path)
    request = RerankRequest("who bakes bread?", DOCUMENTS, instruction, raw_scores=True)
    got = await served.rerank(request)
    assert (served.card.form, served.card.instruction) == ("mxbai-rerank-v2", None)

    library = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    one, zero = library.convert_tokens_to_ids(["1", "0"])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    wanted = []
    for document in DOCUMENTS:
        ids = authors_ids(folder, instruction, request.query, document)
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
        wanted.append((logits[one] - logits[zero]).item())
    assert np.ptp(wanted) > 1e-2
    np.testing.assert_allclose(got.scores, wanted, atol=2e-5)


words = st.text(st.sampled_from("ab lake?.:>\n\té 北'sS1,"), max_size=60)


@given(instruction=st.none() | words, query=words, document=words)
def test_ids_are_those_of_the_authors_code(folder: Path, instruction, query, document):
    tokenizer = open_tokenizer(folder / "tokenizer.json")
    chat = read_chat(tokenizer, MXBAI_RERANK_V2)
    tokeniser = Tokeniser(tokenizer, 900, tokenizer.get_vocab_size(), chat)
    got = tokeniser.questions(instruction or None, query, (document,), None, Truncation.RIGHT)
    assert got.encoded.ids.tolist() == authors_ids(folder, instruction, query, document)


async def test_a_checkpoint_that_names_its_answers_is_asked_for_those(tmp_path: Path):
    folder = checkpoints.qwen3_reranker(tmp_path / "model")
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    module = {"idx": 1, "name": "1", "path": "1_LogitScore", "type": "x.LogitScore"}
    (folder / "modules.json").write_text(json.dumps([module]))
    (folder / "1_LogitScore").mkdir()
    ids = {"true_token_id": words["1"], "false_token_id": words["0"]}
    (folder / "1_LogitScore" / "config.json").write_text(json.dumps(ids))
    assert answerer(folder, tmp_path).card.form == "mxbai-rerank-v2"


@pytest.mark.parametrize("labels", [1, 2])
async def test_a_language_model_made_a_classifier_is_asked_the_same(
    folder: Path, tmp_path: Path, labels: int
):
    made = checkpoints.converted(folder, tmp_path / "model", ("0", "1"), labels=labels)
    request = RerankRequest("who bakes bread?", DOCUMENTS)
    served = answerer(made, tmp_path, scoring="YesNo")
    assert (served.card.form, served.card.dimensions) == ("mxbai-rerank-v2", 1)
    wanted = await answerer(folder, tmp_path).rerank(request)
    np.testing.assert_allclose((await served.rerank(request)).scores, wanted.scores, atol=1e-5)
