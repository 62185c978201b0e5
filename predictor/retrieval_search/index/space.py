"""The space of an index: which embedder's vectors can be compared with its own.

Names of models lie: a folder was overwritten, a prompt changed, another pooling. So the embedder's
vectors of a few fixed texts are kept with the index and compared with what it answers now.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from retrieval_search.errors import AnotherSpace
from retrieval_search.index.manifest import EmbedderFacts

Floats = npt.NDArray[np.float32]

CANARIES = (
    "How do I restart a service without losing requests?",
    "The quick brown fox jumps over the lazy dog.",
    "def median(values): return sorted(values)[len(values) // 2]",
    "Die Temperatur steigt am Nachmittag auf 31 Grad. 气温升至三十一度。",
)

LEAST_COSINE = 0.999
"""Two precisions of one model agree to 0.9999 and better; another prompt or pooling does not."""


@dataclass(frozen=True, slots=True)
class Space:
    """A fingerprint: a name to show, and the canaries' vectors to compare."""

    name: str
    canaries: Floats


def space_of(embedder: EmbedderFacts, canaries: Floats) -> Space:
    """The space of an embedder by its vectors of the canaries."""
    unit = _unit(canaries)
    digest = sha256(np.round(unit, 2).astype("<f4").tobytes()).hexdigest()[:12]
    return Space(f"{embedder.title}/{embedder.dimensions}/{digest}", unit)


def check_same(index: Space, embedder: Space) -> float:
    """The least cosine between the two embedders' vectors of one canary.

    Raises:
        AnotherSpace: It is too small, or the dimensions differ.
    """
    if index.canaries.shape != embedder.canaries.shape:
        raise AnotherSpace(index.name, embedder.name, 0.0)
    cosine = float((_unit(index.canaries) * _unit(embedder.canaries)).sum(axis=1).min())
    if not cosine >= LEAST_COSINE:
        raise AnotherSpace(index.name, embedder.name, cosine)
    return cosine


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
