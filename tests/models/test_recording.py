"""A recorded model computes what the library's Python would, for batches of any shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.encoder import Encoder, PackedEncoder, choose, make_probe
from retrieval_predictor.model.load import load
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.recording import record
from retrieval_predictor.settings import Component, Precision, Settings
from tests.support import checkpoints, make
from tests.support.families import FAMILIES

VOCABULARY = 250
PADDED = {"MPNet", "DeBERTa v2"}
LOOKS_AT_POSITIONS = {"Gemma 3, both directions"}

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=6)
Pair = tuple[PackedEncoder, Encoder]


def batch_of(texts: list[int]) -> Packed:
    return pack(make.batch(make.encoded(texts, vocabulary=VOCABULARY)))


@pytest.fixture(scope="module", params=[checkpoints.bert, checkpoints.modernbert])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same model run by Python, and recorded; ModernBERT has windows and rotary positions."""
    attention.register()
    folder = request.param(tmp_path_factory.mktemp("model"))
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return PackedEncoder(model), choose(model, make_probe(VOCABULARY, 400))


@given(lengths)
@settings(deadline=None, max_examples=30)
def test_a_recording_gives_the_same_bits_for_any_lengths(pair: Pair, texts: list[int]):
    by_python, recorded = pair
    packed = batch_of(texts)
    with torch.inference_mode():
        assert recorded.is_recorded
        assert torch.equal(recorded(packed), by_python(packed))


class Foreign(nn.Module):
    """A model with a way of its own to compute a token's vector."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self._compute = compute

    def forward(self, packed: Packed) -> Tensor:
        return self.weight * self._compute(packed.ids.float()).unsqueeze(1)


@pytest.mark.parametrize(
    "compute",
    [
        pytest.param(lambda ids: ids if ids.sum() > 0 else -ids, id="a value"),
        pytest.param(lambda ids: ids if ids.shape[0] < 100 else -ids, id="a shape"),
        pytest.param(lambda ids: ids * ids.max().item(), id="a number taken out"),
    ],
)
def test_a_model_whose_python_looks_at_its_input_is_not_recorded(compute):
    foreign = Foreign(compute)
    with structlog.testing.capture_logs() as logs, torch.inference_mode():
        assert record(foreign, foreign, batch_of([5, 17])) is None
    assert [one["event"] for one in logs] == ["recording_unavailable"]


def test_a_recording_follows_the_weights_it_was_made_of():
    foreign = Foreign(lambda ids: ids)
    packed = batch_of([5, 17])
    with torch.inference_mode():
        recording = record(foreign, foreign, packed)
        foreign.weight.mul_(2.0)
        assert recording is not None
        assert torch.equal(recording(packed), 2.0 * packed.ids.float().unsqueeze(1))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_families_that_look_both_ways_are_recorded(family, tmp_path: Path):
    maker = family.embedder if family.embeds else family.classifier
    component = Component.EMBEDDER if family.embeds else Component.RERANKER
    source = {"uri": f"file://{maker(tmp_path / 'model')}"}
    asked = Settings(model=source, precision=Precision.FP32, component=component)
    card = load(asked, tmp_path).card
    assert card.is_recorded == (family.name not in PADDED | LOOKS_AT_POSITIONS)
