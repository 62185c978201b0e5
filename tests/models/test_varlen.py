"""Packed attention asks PyTorch for its kernel once, and says plainly what it misses."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch._C import _SDPBackend as Backend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import varlen

from retrieval_predictor.model import attention
from retrieval_predictor.model.attention import CannotPack, packed_attention, varlen_kernel
from retrieval_predictor.model.encoder import make_probe
from retrieval_predictor.model.packing import pack


def test_the_pytorch_that_is_installed_has_a_kernel_that_takes_what_is_passed():
    assert callable(varlen_kernel("torch.nn.attention.varlen"))


def backend_on_hopper(monkeypatch) -> Backend:
    """What PyTorch computes a batch of 4096 tokens in 32 texts with, on compute capability 9.0."""
    monkeypatch.setattr(varlen, "_cudnn_version_and_major_capability", lambda _: (92_600, 9))
    with FakeTensorMode():
        query = torch.empty(4096, 16, 64, dtype=torch.float16, device="cuda")
        offsets = torch.empty(33, dtype=torch.int32, device="cuda")
    varlen._should_use_cudnn.cache_clear()
    chosen = varlen._select_backend(query, query, query, offsets, offsets, 512, [-1, -1])
    varlen._should_use_cudnn.cache_clear()
    return Backend(chosen)


def test_a_hopper_computes_packed_texts_by_flash_attention_and_plans_nothing(monkeypatch):
    torch.backends.cuda.enable_cudnn_sdp(enabled=True)
    assert backend_on_hopper(monkeypatch) == Backend.CUDNN_ATTENTION
    attention.register()
    assert backend_on_hopper(monkeypatch) == Backend.FLASH_ATTENTION


def test_a_pytorch_without_one_is_named():
    with pytest.raises(CannotPack, match=r"this PyTorch has no torch\.nn\.varlen\.varlen_attn"):
        varlen_kernel("torch.nn.varlen")


def test_a_kernel_of_another_shape_is_refused_by_its_missing_options(monkeypatch):
    older = ModuleType("older_varlen")
    vars(older)["varlen_attn"] = lambda query, key, value, scale=None: (query, key, value, scale)
    monkeypatch.setitem(sys.modules, "older_varlen", older)
    with pytest.raises(CannotPack, match="takes no enable_gqa, window_size"):
        varlen_kernel("older_varlen")


def test_a_model_that_caps_its_scores_is_not_packed():
    one = torch.zeros(1, 1, 4, 8)
    with pytest.raises(CannotPack, match="caps its attention scores"):
        packed_attention(
            torch.nn.Module(), one, one, one, None, packed=pack(make_probe(250, 4)), softcap=50.0
        )
