"""What the planner has to know about a model, and where it is read from.

facts_of(uri)                  a well-known model, or the one inside the predictor's image
facts_of(uri, folder)          any checkpoint on disk; its weights are not loaded
"""

from retrieval_operator.facts.checkpoint import BrokenCheckpoint, read_checkpoint
from retrieval_operator.facts.family import Attention, Family, Mlp, family_of
from retrieval_operator.facts.known import KNOWN_MODELS, known_facts
from retrieval_operator.facts.lookup import facts_of
from retrieval_operator.facts.model import Dims, Head, ModelFacts

__all__ = [
    "KNOWN_MODELS",
    "Attention",
    "BrokenCheckpoint",
    "Dims",
    "Family",
    "Head",
    "Mlp",
    "ModelFacts",
    "facts_of",
    "family_of",
    "known_facts",
    "read_checkpoint",
]
