"""Model families: what `model_type` of a config.json implies beyond its sizes.

Live buffers and score copies were traced operator by operator on the models of transformers 5.23
(a dispatch hook that sums the live storages of one forward pass, packed input, no gradients).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Mlp(Enum):
    """The widest moment of a layer's MLP, as live buffers a token.

    The value is (intermediates, hiddens): how many vectors of those widths are alive at once.
    """

    PLAIN = (2, 3)
    """Before and after the activation function, beside embeddings, layer input and residual."""
    GATED = (3, 4)
    """Activated gate, projection and their product."""
    FUSED = (4, 5)
    """The same where one projection yields both halves, which stay alive as views of it."""


class Attention(Enum):
    """How attention is computed, which decides whether L × L scores exist in memory.

    The value is (copies, columns): score matrices alive at once are copies × L + columns wide.
    """

    PACKED = (0, 0)
    """A fused kernel: scores never reach memory on a device that has one."""
    BIASED = (3, 0)
    """A learned bias for each pair of positions (MPNet): scores, bias and probabilities."""
    DISENTANGLED = (4, 1024)
    """DeBERTa: the same plus two matrices against 512 relative positions."""


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one `model_type` have in common.

    `position_offset` counts position rows that no token can take. `attention_hiddens` are vectors
    of the hidden size alive in attention where its projections do not explain them: rotary
    embeddings computed in float32. `has_window` is true where some layers see
    only near tokens, `overflows_fp16` where activations exceed 65504.
    """

    model_type: str
    mlp: Mlp
    attention: Attention = Attention.PACKED
    attention_hiddens: int = 0
    position_offset: int = 0
    is_causal: bool = False
    has_window: bool = False
    overflows_fp16: bool = False

    @property
    def is_gated(self) -> bool:
        """Whether the MLP multiplies two projections."""
        return self.mlp is not Mlp.PLAIN


_FAMILIES: Final = (
    Family("bert", Mlp.PLAIN),
    Family("roberta", Mlp.PLAIN, position_offset=2),
    Family("xlm-roberta", Mlp.PLAIN, position_offset=2),
    Family("camembert", Mlp.PLAIN, position_offset=2),
    Family("mpnet", Mlp.PLAIN, attention=Attention.BIASED, position_offset=2),
    Family("deberta-v2", Mlp.PLAIN, attention=Attention.DISENTANGLED),
    Family("nomic_bert", Mlp.GATED),
    Family("gte", Mlp.GATED),
    Family("new", Mlp.GATED),
    Family("modernbert", Mlp.FUSED, attention_hiddens=16, has_window=True),
    Family("qwen2", Mlp.GATED, is_causal=True),
    Family("qwen3", Mlp.GATED, is_causal=True),
    Family("llama", Mlp.GATED, is_causal=True),
    Family("mistral", Mlp.GATED, is_causal=True),
    # "activations do not support float16": model card of google/embeddinggemma-300m
    Family("gemma3_text", Mlp.GATED, has_window=True, overflows_fp16=True),
)

_BY_TYPE: Final = {family.model_type: family for family in _FAMILIES}


def family_of(model_type: str) -> Family:
    """The family of a `model_type`; an unknown one gets the widest buffers of those known."""
    return _BY_TYPE.get(model_type, Family(model_type, Mlp.FUSED, attention_hiddens=16))


def is_known(model_type: str) -> bool:
    """Whether the layout of this `model_type` is known rather than assumed."""
    return model_type in _BY_TYPE
