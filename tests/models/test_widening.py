"""A model that overflows fp16 goes on in bf16, and whoever asked has an answer all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, PreTrainedModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.encoder import PackedEncoder, make_probe
from retrieval_predictor.model.heads import PoolingHead
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.runner import Runner
from retrieval_predictor.model.widening import Width
from retrieval_predictor.wire.ragged import joined
from tests.support import checkpoints, make

BATCH = make.batch(make.encoded((5, 12, 12, 30), vocabulary=250))


def read(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    attention.register()
    return AutoModel.from_pretrained(folder, dtype=dtype).eval()


def runner_of(model: PreTrainedModel) -> tuple[Runner, Width]:
    width = Width(model)
    model.set_attn_implementation(attention.NAME)
    head = PoolingHead(("mean",), (), model.config.hidden_size)
    return Runner(PackedEncoder(model), head, torch.device("cpu"), width), width


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A BERT whose activations fit fp16."""
    return checkpoints.bert(tmp_path / "sound")


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """A BERT with activations around 10^6 between the two linear layers of its first layer."""
    folder = checkpoints.bert(tmp_path / "loud")
    model = AutoModel.from_pretrained(folder)
    inner = model.encoder.layer[0].intermediate.dense
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


def test_what_is_not_finite_in_fp32_either_stays_so(sound: Path):
    model = read(sound, torch.float32)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias.fill_(torch.nan)
    runner, width = runner_of(model)
    assert not np.isfinite(runner.run(BATCH)).any()
    assert width.precision == "fp32"
