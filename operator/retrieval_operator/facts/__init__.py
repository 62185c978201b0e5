"""What the planner has to know about a model, and where it is read from.

facts_for(component)           what the author says, or a well-known model, or why nothing is known
facts_for(component, folder)   any checkpoint on disk; its weights are not loaded
facts_for(component, look=hub.facts)    the same, and a hub is asked at last
"""

from retrieval_operator.facts.asking import Asking
from retrieval_operator.facts.checkpoint import BrokenCheckpoint, read_checkpoint
from retrieval_operator.facts.family import Attention, Family, Mlp, family_of
from retrieval_operator.facts.fetching import HttpFetch
from retrieval_operator.facts.hub import DEFAULT_ENDPOINT, Hub
from retrieval_operator.facts.known import KNOWN_MODELS, known_facts
from retrieval_operator.facts.lookup import Look, facts_for, facts_of
from retrieval_operator.facts.model import Dims, Head, ModelFacts, Unknown

__all__ = [
    "DEFAULT_ENDPOINT",
    "KNOWN_MODELS",
    "Asking",
    "Attention",
    "BrokenCheckpoint",
    "Dims",
    "Family",
    "Head",
    "HttpFetch",
    "Hub",
    "Look",
    "Mlp",
    "ModelFacts",
    "Unknown",
    "facts_for",
    "facts_of",
    "family_of",
    "known_facts",
    "read_checkpoint",
]
