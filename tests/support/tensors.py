"""Texts as the tensors of Triton's clients."""

from __future__ import annotations

from typing import Any

import numpy as np


def text_tensor(module: Any, name: str, texts: list[str]) -> Any:
    """A BYTES tensor for tritonclient.http or tritonclient.grpc."""
    one = module.InferInput(name, [len(texts)], "BYTES")
    one.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object))
    return one
