"""Packed attention asks PyTorch for its kernel once, and says plainly what it misses."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from retrieval_predictor.model.attention import CannotPack, packed_attention, varlen_kernel
from retrieval_predictor.model.encoder import make_probe
from retrieval_predictor.model.packing import pack


def test_the_pytorch_that_is_installed_has_a_kernel_that_takes_what_is_passed():
    assert callable(varlen_kernel("torch.nn.attention.varlen"))


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
