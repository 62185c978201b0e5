"""A checkpoint of sentence-transformers gives what that library gives, from texts on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import EmbedRequest, RerankRequest
from tests.support import checkpoints
from tests.support.near import NearEngine

TEXTS = ("mix flour, water and salt", "dough", "the market closed lower on Monday " * 30, "")
PROMPTS = {"query": "how do I bake: ", "document": "bread: "}
TOLERANCE = 2e-5


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def with_padding(folder: Path) -> Path:
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "pad_token": "[PAD]",
    }
    write(folder / "tokenizer_config.json", tokenizer)
    return folder


def embedder(folder: Path, dense: tuple[Dense, ...] = (), **files: Any) -> Path:
    checkpoints.sentence_files(with_padding(checkpoints.bert(folder)), prompts=PROMPTS, **files)
    modules = json.loads((folder / "modules.json").read_text())
    last = modules.pop() if files.get("normalise", True) else None
    for layer in dense:
        path = f"{len(modules)}_Dense"
        (folder / path).mkdir()
        layer.save(str(folder / path))
        kind = "sentence_transformers.models.Dense"
        modules.append({"idx": len(modules), "name": path, "path": path, "type": kind})
    modules += [last | {"idx": len(modules)}] if last else []
    write(folder / "modules.json", modules)
    return folder


def answerer(folder: Path, tmp_path: Path, component: Component) -> Answerer:
    source = {"uri": f"file://{folder}"}
    settings = Settings(component=component, model=source, precision=Precision.FP32)
    return Answerer(NearEngine(load(settings, tmp_path)))


def library(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu")


@pytest.mark.parametrize(
    "pooling",
    [
        "cls_token",
        "max_tokens",
        "mean_tokens",
        "mean_sqrt_len_tokens",
        "weightedmean_tokens",
        "lasttoken",
    ],
)
async def test_every_way_of_pooling_agrees(pooling: str, tmp_path: Path):
    folder = embedder(tmp_path / "model", pooling=pooling, normalise=False)
    got = await answerer(folder, tmp_path, Component.EMBEDDER).embed(EmbedRequest(TEXTS))
    np.testing.assert_allclose(got.vectors, library(folder).encode(TEXTS), atol=TOLERANCE)
    assert got.truncated.tolist() == [False, False, True, False]


async def test_a_stack_of_projections_agrees(tmp_path: Path):
    torch.manual_seed(1)
    dense = (Dense(48, 64), Dense(64, 32, bias=False, activation_function=torch.nn.Identity()))
    folder = embedder(tmp_path / "model", dense)
    got = await answerer(folder, tmp_path, Component.EMBEDDER).embed(EmbedRequest(TEXTS))
    assert got.vectors.shape == (4, 32)
    np.testing.assert_allclose(got.vectors, library(folder).encode(TEXTS), atol=TOLERANCE)


@pytest.mark.parametrize("name", ["query", "document"])
async def test_prompts_agree(name: str, tmp_path: Path):
    folder = embedder(tmp_path / "model")
    asked = EmbedRequest(TEXTS, prompt_name=name)
    got = await answerer(folder, tmp_path, Component.EMBEDDER).embed(asked)
    wanted = library(folder).encode(TEXTS, prompt_name=name)
    np.testing.assert_allclose(got.vectors, wanted, atol=TOLERANCE)


async def test_shortened_vectors_agree(tmp_path: Path):
    folder = embedder(tmp_path / "model")
    asked = EmbedRequest(TEXTS, dimensions=10)
    got = await answerer(folder, tmp_path, Component.EMBEDDER).embed(asked)
    wanted = library(folder).encode(TEXTS, truncate_dim=10, normalize_embeddings=True)
    np.testing.assert_allclose(got.vectors, wanted, atol=TOLERANCE)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
        {"sbert_ce_default_activation_function": "torch.nn.Sigmoid"},
    ],
    ids=["nothing", "identity", "identity of old", "sigmoid"],
)
async def test_a_cross_encoders_score_goes_through_its_own_activation(
    said: dict[str, Any], tmp_path: Path
):
    folder = with_padding(checkpoints.bert_classifier(tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | said)
    await scores_agree(folder, tmp_path)


@pytest.mark.parametrize("activation", [torch.nn.Identity(), torch.nn.Sigmoid()], ids=str)
async def test_a_cross_encoder_that_the_library_saved_agrees(
    activation: torch.nn.Module, tmp_path: Path
):
    folder = with_padding(checkpoints.bert_classifier(tmp_path / "model"))
    saved = tmp_path / "saved"
    CrossEncoder(str(folder), device="cpu", activation_fn=activation).save_pretrained(str(saved))
    await scores_agree(saved, tmp_path)


async def scores_agree(folder: Path, tmp_path: Path) -> None:
    request = RerankRequest("who bakes bread", TEXTS[:2])
    got = await answerer(folder, tmp_path, Component.RERANKER).rerank(request)
    pairs = [(request.query, text) for text in request.documents]
    wanted = CrossEncoder(str(folder), device="cpu").predict(pairs)
    np.testing.assert_allclose(got.scores, wanted, atol=TOLERANCE)


def test_an_activation_of_the_checkpoints_own_is_refused(tmp_path: Path):
    folder = checkpoints.bert_classifier(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"sentence_transformers": {"activation_fn": "my.Swish"}})
    with pytest.raises(UnsupportedModel, match="activation Swish is not Sigmoid or Identity"):
        answerer(folder, tmp_path, Component.RERANKER)
