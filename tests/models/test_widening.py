"""A model that overflows fp16 goes on in bf16, and whoever asked has an answer all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.encoder import PackedEncoder, make_probe
from retrieval_predictor.model.heads import GivenHead, LogitHead, PoolingHead, WholeClassifier
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.pooling import first
from retrieval_predictor.model.runner import TorchRunner
from retrieval_predictor.model.widening import Width
from retrieval_predictor.wire.ragged import joined
from tests.support import checkpoints, make

BATCH = make.batch(make.encoded((5, 12, 12, 30), vocabulary=250))


def read(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    attention.register()
    return AutoModel.from_pretrained(folder, dtype=dtype).eval()


def runner_of(model: PreTrainedModel) -> tuple[TorchRunner, Width]:
    width = Width(model)
    model.set_attn_implementation(attention.NAME)
    head = PoolingHead(("mean",), (), model.config.hidden_size)
    return TorchRunner(PackedEncoder(model), head, torch.device("cpu"), width), width


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A BERT whose activations fit fp16."""
    return checkpoints.bert(tmp_path / "sound")


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """A BERT with activations around 10^6 between the two linear layers of its first layer."""
    folder = checkpoints.bert(tmp_path / "loud")
    return _shout(AutoModel.from_pretrained(folder), folder)


def _shout(model: PreTrainedModel, folder: Path) -> Path:
    inner = model.base_model.encoder.layer[0].intermediate.dense
    with torch.no_grad():
        inner.weight *= 6e4 / inner.weight.abs().max()
    model.save_pretrained(folder)
    return folder


def test_the_rows_are_those_of_the_model_in_fp32(loud: Path):
    runner, width = runner_of(read(loud, torch.float16))
    wanted, _ = runner_of(read(loud, torch.float32))
    got, rows = joined(runner.run(BATCH)), joined(wanted.run(BATCH))
    cosines = (got * rows).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(rows, axis=1)
    assert width.precision == "bf16"
    assert cosines.min() > 0.999


def test_it_happens_once_and_the_next_batch_starts_in_bf16(loud: Path):
    model = read(loud, torch.float16)
    runner, width = runner_of(model)
    first, second = runner.run(BATCH), runner.run(BATCH)
    np.testing.assert_array_equal(first, second)
    assert not width.widen("bf16")


def test_a_batch_that_overflowed_beside_the_one_that_widened_is_computed_again(loud: Path):
    _, width = runner_of(read(loud, torch.float16))
    assert width.widen("fp16")
    assert width.widen("fp16")


def test_a_probe_shows_it_before_the_first_request(loud: Path):
    width = Width(read(loud, torch.float16))
    width.settle(pack(make_probe(250, 64)))
    assert width.precision == "bf16"


def test_a_model_that_fits_stays_in_fp16(sound: Path):
    model = read(sound, torch.float16)
    Width(model).settle(pack(make_probe(250, 64)))
    runner, width = runner_of(model)
    assert np.isfinite(runner.run(BATCH)).all()
    assert width.precision == "fp16"


@pytest.mark.parametrize("family", ["modernbert", "qwen3"])
def test_rotary_positions_are_as_exact_as_in_a_model_that_was_loaded_in_bf16(family, tmp_path):
    folder = getattr(checkpoints, family)(tmp_path)
    model, wanted = read(folder, torch.float16), read(folder, torch.bfloat16)
    assert Width(model).widen("fp16")
    for (name, got), one in zip(model.named_buffers(), wanted.buffers(), strict=True):
        assert got.dtype == one.dtype, name
        torch.testing.assert_close(got, one, rtol=0, atol=0, msg=name)
    weights = {weight.dtype for weight in model.parameters()}
    assert weights == {torch.bfloat16}


@pytest.mark.parametrize("head", ["LogitHead", "WholeClassifier"])
def test_a_cross_encoder_goes_on_with_its_classifier(head, tmp_path: Path):
    """The head puts something else where the classifier had its encoder."""
    folder, kind = checkpoints.bert_classifier(tmp_path), AutoModelForSequenceClassification
    _shout(kind.from_pretrained(folder), folder)
    attention.register()
    model = kind.from_pretrained(folder, dtype=torch.float16).eval()
    width, encoder = Width(model), PackedEncoder(model.base_model)
    if head == "LogitHead":
        model.set_attn_implementation(attention.NAME)
        runner = TorchRunner(encoder, LogitHead(model, first), torch.device("cpu"), width)
    else:
        runner = TorchRunner(WholeClassifier(model), GivenHead(), torch.device("cpu"), width)
    first_rows, again = joined(runner.run(BATCH)), joined(runner.run(BATCH))
    assert width.precision == "bf16"
    assert np.isfinite(first_rows).all()
    np.testing.assert_array_equal(first_rows, again)


def test_what_is_not_finite_in_fp32_either_stays_so(sound: Path):
    model = read(sound, torch.float32)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias.fill_(torch.nan)
    runner, width = runner_of(model)
    assert not np.isfinite(runner.run(BATCH)).any()
    assert width.precision == "fp32"
