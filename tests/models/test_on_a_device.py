"""What a batch costs beside its kernels: one copy, no waiting, no token that is not used."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.encoder import PackedEncoder
from retrieval_predictor.model.heads import LateInteractionHead
from retrieval_predictor.model.packing import Packed, Shared, moved, pack
from retrieval_predictor.model.pooling import pool
from tests.support import make
from tests.support.families import FAMILIES

BATCH = make.batch(
    make.encoded((5, 12), vocabulary=250),
    make.encoded((12, 30, 7), seed=1, vocabulary=250),
)
ALIKE = make.batch(make.rows_of([[*range(20, 60), 3], [*range(20, 60), 4, 5], [9, 8]]))

WAITING = {"nonzero", "_local_scalar_dense", "item", "is_nonzero", "masked_select"}
"""Operations for which a GPU has to be waited for: their result decides what Python does next."""


class Operations(TorchDispatchMode):
    """Notes what is called, and whether its shapes follow from a tensor's values.

    The blocks of a packed batch are on the host wherever the rest of it is.
    """

    def __init__(self, packed: Packed) -> None:
        super().__init__()
        self._on_host = packed.blocks.untyped_storage().data_ptr()
        self.waited: list[str] = []
        self.converted = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        indices = args[1] if name in {"index", "index_put_"} else ()
        masked = any(one is not None and one.dtype is torch.bool for one in indices)
        sized = name == "repeat_interleave" and (kwargs or {}).get("output_size") is None
        if name in WAITING and args[0].untyped_storage().data_ptr() == self._on_host:
            return func(*args, **(kwargs or {}))
        if name in WAITING or masked or sized:
            self.waited.append(name)
        if name == "_to_copy":
            self.converted = max(self.converted, args[0].numel())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("packed", [pack(BATCH), pack(ALIKE, shares=True)], ids=["", "shared"])
def test_a_batch_goes_to_the_device_in_one_copy_and_arrives_as_it_was(packed: Packed):
    sent: list[Tensor] = []

    def send(flat: Tensor) -> Tensor:
        sent.append(flat)
        return flat.clone()

    got = moved(packed, send)
    assert [flat.dtype for flat in sent] == [torch.int32]
    _assert_same(got, packed)
    assert (got.shared is None) == (packed.shared is None)
    if got.shared is not None and packed.shared is not None:
        _assert_same(got.shared, packed.shared)


def _assert_same(got: Packed | Shared, wanted: Packed | Shared) -> None:
    for field in fields(wanted):
        one = getattr(wanted, field.name)
        if isinstance(one, Tensor):
            torch.testing.assert_close(getattr(got, field.name), one, rtol=0, atol=0)


@pytest.mark.parametrize("family", ["BERT, mean", "ModernBERT, mean", "Qwen3", "Mistral"])
def test_a_packed_forward_pass_never_waits_for_the_device(family: str, tmp_path: Path):
    (one,) = (one for one in FAMILIES if one.name == family)
    attention.register()
    model = AutoModel.from_pretrained(one.embedder(tmp_path), dtype=torch.float32).eval()
    model.set_attn_implementation(attention.NAME)
    encoder, packed = PackedEncoder(model), pack(BATCH)
    with torch.inference_mode(), Operations(packed) as operations:
        encoder(packed)
    assert not operations.waited


def test_padding_and_taking_it_away_never_wait_for_the_device():
    packed = pack(BATCH)
    with Operations(packed) as operations:
        rectangle = packed.padded(packed.ids, 7)
        tokens = packed.unpadded(rectangle.unsqueeze(2))
    assert not operations.waited
    torch.testing.assert_close(tokens[:, 0], packed.ids)
    torch.testing.assert_close(rectangle[packed.real], packed.ids)
    assert (rectangle[~packed.real] == 7).all()


def test_late_interaction_never_waits_for_the_device():
    packed = pack(BATCH)
    hidden = torch.randn(packed.ids.numel(), 16)
    with torch.inference_mode(), Operations(packed) as operations:
        LateInteractionHead(1, 1)(hidden, packed, BATCH)
    assert not operations.waited


def test_a_querys_vectors_do_not_keep_the_other_tokens_of_its_batch():
    packed = pack(BATCH)
    LateInteractionHead(1, 1)(torch.randn(packed.ids.numel(), 16), packed, BATCH)
    for part in BATCH.parts:
        kept = part.reference.vectors
        assert isinstance(kept, Tensor)
        assert kept.untyped_storage().nbytes() == kept.numel() * 4


@pytest.mark.parametrize("mode", ["cls", "lasttoken"])
def test_pooling_by_one_token_converts_no_other(mode: str):
    packed = pack(BATCH)
    hidden = torch.randn(packed.ids.numel(), 16).half()
    with Operations(packed) as operations:
        vectors = pool(hidden, packed, (mode,))
    assert vectors.dtype is torch.float32
    assert operations.converted <= packed.lengths.numel() * 16
