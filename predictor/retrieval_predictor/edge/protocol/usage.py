"""The token counts of an answer in the words of OpenAI and Jina."""

from __future__ import annotations

import numpy as np

from retrieval_predictor.wire.work import Embeddings, Scores


def truncated_inputs(answer: Embeddings | Scores) -> int:
    """How many texts of the request were longer than the limit and cut."""
    return int(np.count_nonzero(answer.truncated))


def usage(answer: Embeddings | Scores) -> dict[str, int]:
    """`prompt_tokens`, `total_tokens` (the same) and `truncated_inputs`."""
    tokens = int(answer.token_counts.sum(dtype=np.int64))
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "truncated_inputs": truncated_inputs(answer),
    }
