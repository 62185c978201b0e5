"""Layers over tokens are read from their own files, pickled ones only where that is allowed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from structlog.testing import capture_logs

from retrieval_predictor.edge.outputs import EVERYTHING
from retrieval_predictor.errors import UnsafeCheckpoint, UnsupportedModel
from retrieval_predictor.model.heads import PoolingHead
from retrieval_predictor.model.load import load
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.token_heads import TokenHead, TokenOutput
from retrieval_predictor.settings import Component, Settings
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import Outputs
from tests.support import checkpoints, make
from tests.support.token_outputs import SPECIAL, m3


def card_of(folder: Path, component: Component = Component.EMBEDDER, **model: bool) -> ModelCard:
    source = {"uri": f"file://{folder}", **model}
    return load(Settings(model=source, component=component), folder).card


def test_the_card_tells_what_a_token_gets(tmp_path: Path):
    card = card_of(m3(tmp_path))
    assert (card.has_sparse, card.colbert_dimensions) == (True, 40)
    assert set(card.special_ids) == SPECIAL


def test_a_plain_checkpoint_has_nothing_for_tokens(tmp_path: Path):
    card = card_of(checkpoints.xlm_roberta(tmp_path))
    assert (card.has_sparse, card.colbert_dimensions) == (False, 0)


def test_one_of_the_two_is_enough(tmp_path: Path):
    (m3(tmp_path) / "colbert_linear.safetensors").unlink()
    card = card_of(tmp_path)
    assert (card.has_sparse, card.colbert_dimensions) == (True, 0)


def test_pickled_layers_are_left_out_with_a_word_on_how_to_have_them(tmp_path: Path):
    with capture_logs() as logs:
        card = card_of(m3(tmp_path, pickled=True))
    assert (card.has_sparse, card.colbert_dimensions) == (False, 0)
    (told,) = [one for one in logs if one["event"] == "outputs_left_out"]
    assert told["files"] == ["colbert_linear.pt", "sparse_linear.pt"]
    assert "allowPickle" in told["remedy"]


def test_pickled_layers_are_read_where_that_is_allowed(tmp_path: Path):
    card = card_of(m3(tmp_path, pickled=True), allow_pickle=True)
    assert (card.has_sparse, card.colbert_dimensions) == (True, 40)


def test_a_reranker_reads_no_layers_that_it_has_no_use_for(tmp_path: Path):
    (m3(tmp_path) / "sparse_linear.safetensors").write_bytes(b"never read")
    assert not card_of(tmp_path, Component.RERANKER).has_sparse


def test_layers_alone_do_not_make_weights_safe(tmp_path: Path):
    (m3(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UnsafeCheckpoint, match=r"pytorch_model\.bin"):
        card_of(tmp_path)


class Code:
    """What a pickle could run."""

    def __reduce__(self):
        return exec, ("raise AssertionError('ran')",)


@pytest.mark.parametrize(
    "saved", [{"weight": torch.ones(1, 9), "bias": torch.ones(1)}, {"weight": 1}, [1], Code()]
)
def test_a_file_that_holds_something_else_is_refused_and_never_run(saved: object, tmp_path: Path):
    torch.save(saved, m3(tmp_path, pickled=True) / "sparse_linear.pt")
    with pytest.raises(UnsupportedModel, match=r"sparse_linear\.pt does not hold"):
        card_of(tmp_path, allow_pickle=True)


@pytest.mark.parametrize(
    ("asked", "computed"),
    [
        ((Outputs.DENSE, Outputs.DENSE), {}),
        ((Outputs.SPARSE, Outputs.DENSE), {Outputs.SPARSE: 3}),
        ((Outputs.DENSE, EVERYTHING), {Outputs.SPARSE: 7, Outputs.COLBERT: 6}),
    ],
)
def test_a_layer_sees_the_tokens_of_those_texts_alone_that_want_it(asked, computed):
    """By the tokens that go through each; requests of 3 and 7 tokens share a batch."""
    seen: Counter[Outputs] = Counter()

    def counting(flag: Outputs, numbers: torch.Tensor) -> torch.Tensor:
        seen[flag] += len(numbers)
        return numbers

    layer = torch.ones(1, 8), torch.zeros(1)
    kinds = tuple(
        TokenOutput(flag, layer, partial(counting, flag), skipped)
        for flag, skipped in ((Outputs.SPARSE, 0), (Outputs.COLBERT, 1))
    )
    head = TokenHead(PoolingHead(("cls",), (), 8), kinds)
    texts = [
        replace(make.encoded((length,)), outputs=one)
        for length, one in zip((3, 7), asked, strict=True)
    ]
    batch = make.batch(*texts)
    head(torch.ones(10, 8), pack(batch), batch)
    assert seen == Counter(computed)
