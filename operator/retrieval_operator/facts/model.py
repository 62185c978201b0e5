"""The facts of one model, as the planner reads them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from retrieval_operator.facts.family import Family, family_of
from retrieval_operator.spec.choices import Precision

Known = Annotated[
    Family,
    BeforeValidator(lambda found: family_of(found) if isinstance(found, str) else found),
    PlainSerializer(lambda family: family.model_type, return_type=str),
]
"""A family, which is written as its `model_type`."""


class Head(StrEnum):
    """What sits on top of the transformer and is loaded with it."""

    NONE = "none"
    CLASSIFIER = "classifier"


@dataclass(frozen=True, slots=True)
class Dims:
    """The sizes that `config.json` gives; together with the family they fix the parameter count.

    `positions` are rows of a learned position table (0 for rotary models), `types` rows of the
    token type table. `intermediate` is the width of the MLP after its activation.
    """

    vocabulary: int
    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    positions: int = 0
    types: int = 0
    head: Head = Head.NONE


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why nothing is known about a model; `is_passing` where asking again may help.

    `is_pending` where somebody is being asked, and will tell.
    """

    why: str
    is_passing: bool = False
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Everything about a model that decides memory, speed and limits.

    `parameters` are those a predictor loads: no vocabulary head, since neither embedding nor
    yes/no scoring computes all logits. `limit_tokens` is the longest input the weights take,
    `advised_tokens` the shorter limit its authors ship (sentence-transformers' max_seq_length), or
    None. `source` says where all this is from.
    `is_pickled` is true where the weights come in no safetensors file.
    """

    name: str
    family: Known
    dims: Dims
    parameters: int
    dtype: Precision
    dimensions: int
    limit_tokens: int
    advised_tokens: int | None
    source: str
    is_pickled: bool = False

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the lookup tables: they take memory and no arithmetic."""
        tables = self.dims.vocabulary + self.dims.positions + self.dims.types
        return min(tables * self.dims.hidden, self.parameters)

    @property
    def dense_parameters(self) -> int:
        """Parameters that every token is multiplied with."""
        return self.parameters - self.embedding_parameters

    @property
    def is_gated(self) -> bool:
        """Whether the MLP multiplies two projections."""
        return self.family.is_gated

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only what stands before it."""
        return self.family.is_causal
