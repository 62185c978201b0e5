"""Prepacked linear layers give the model's own result, and serve only where they are faster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel

from retrieval_predictor.model import attention, linears
from retrieval_predictor.model.encoder import PackedEncoder, make_probe
from retrieval_predictor.model.load import load
from retrieval_predictor.model.packing import pack
from retrieval_predictor.settings import Precision, Settings
from tests.support import checkpoints


def has_onednn() -> bool:
    return torch.backends.mkldnn.is_available()


@pytest.mark.skipif(not has_onednn(), reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 48), (1, 7, 48), (130, 48)])
def test_a_prepacked_layer_computes_what_the_layer_did(bias, shape):
    layer = nn.Linear(48, 80, bias=bias)
    rows = torch.randn(shape)
    with torch.inference_mode():
        got = linears.PrepackedLinear(layer)(rows)
        torch.testing.assert_close(got, layer(rows), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not has_onednn(), reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("maker", [checkpoints.bert, checkpoints.qwen3, checkpoints.modernbert])
def test_every_linear_layer_of_a_model_is_prepacked_and_gives_the_same(maker, tmp_path: Path):
    attention.register()
    model = AutoModel.from_pretrained(maker(tmp_path / "model"), dtype=torch.float32).eval()
    model.set_attn_implementation(attention.NAME)
    encoder, probe = PackedEncoder(model), pack(make_probe(250, 64))
    with torch.inference_mode():
        wanted = encoder(probe)
        linears.replace(model)
        assert not any(type(layer) is nn.Linear for layer in model.modules())
        torch.testing.assert_close(encoder(probe), wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.skipif(not has_onednn(), reason="this build of PyTorch has no oneDNN")
@pytest.mark.parametrize("maker", [checkpoints.bert, checkpoints.qwen3, checkpoints.modernbert])
def test_a_model_served_with_prepacked_layers_gives_the_same_vectors(
    maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = checkpoints.sentence_files(maker(tmp_path / "model"))
    settings = Settings(model={"uri": f"file://{folder}"}, precision=Precision.FP32)
    plain, prepacked = (_loaded(settings, tmp_path, monkeypatch, pays) for pays in (False, True))
    assert [plain.card.linears, prepacked.card.linears] == [linears.PLAIN, linears.PREPACKED]
    assert plain.card.is_recorded == prepacked.card.is_recorded
    batch = make_probe(250, 64)
    wanted, got = plain.runner.run(batch), prepacked.runner.run(batch)
    np.testing.assert_allclose(got, wanted, atol=2e-5, rtol=1e-4)


def _loaded(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pays: bool):
    monkeypatch.setattr(linears, "_pays", lambda _: pays)
    return load(settings, tmp_path)


def test_a_model_without_linear_layers_stays_as_it_is():
    assert linears.prepack(nn.Sequential(nn.LayerNorm(8))) == linears.PLAIN


def test_a_layer_that_is_more_than_linear_is_left_alone():
    class Scaled(nn.Linear):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(rows)

    model = nn.Sequential(Scaled(8, 8))
    linears.replace(model)
    assert isinstance(model[0], Scaled)


def test_a_number_format_that_is_not_known_to_agree_stays_as_it_is():
    assert linears.prepack(nn.Sequential(nn.Linear(8, 8).half())) == linears.PLAIN
