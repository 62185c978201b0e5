"""What a user sees of a batch of rows: scores, of a reranker its own and of an embedder cosines."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from torch import Tensor
from torch.nn.functional import normalize

from retrieval_predictor.model.heads import Head
from retrieval_predictor.model.packing import Packed
from retrieval_predictor.wire.work import Batch, Floats


def scores_by(head: Head, activation: str | None) -> Callable[[Tensor, Packed, Batch], Floats]:
    """The scores (N,) of token vectors under a head, in the order of `packed`."""

    def scores(hidden: Tensor, packed: Packed, batch: Batch) -> Floats:
        rows = cast("Tensor", head(hidden, packed, batch))  # no text of a rehearsal wants more
        if head.width > 1:
            unit = normalize(rows.float(), dim=1)
            rows = unit @ unit[:1].T
        elif activation == "Sigmoid":
            rows = rows.sigmoid()
        told: Floats = rows[:, 0].float().cpu().numpy().astype(np.float32)
        return told

    return scores
