"""The sizes at which a GPU's kernels are recorded: few to record, and near enough to one another.

A lone query keeps a GPU busy for a fraction of the time that its kernels take to launch. Recorded,
they are launched as one; but a recording has fixed shapes, so a batch takes the next larger one.
"""

from __future__ import annotations

from dataclasses import dataclass

_TOKENS = (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)

_TOKENS_PER_TEXT = 8
"""A recording has a slot for every eight tokens: short queries have eleven with special tokens."""

_MOST_TOKENS = {384: 2048, 768: 1024}
_MOST_TOKENS_OF_WIDE = 512
"""By hidden size, up to which a GPU waits for launches rather than for arithmetic. Source:
superlinked/sie, packages/sie_server/README.md, measured on an L4; larger GPUs wait for longer."""


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Room of a recording."""

    tokens: int
    texts: int


def ladder_of(hidden: int) -> tuple[Bucket, ...]:
    """The buckets worth recording for a model of this width, smallest first."""
    bounds = [most for width, most in sorted(_MOST_TOKENS.items()) if hidden <= width]
    most = bounds[0] if bounds else _MOST_TOKENS_OF_WIDE
    return tuple(Bucket(tokens, tokens // _TOKENS_PER_TEXT) for tokens in _TOKENS if tokens <= most)


def bucket_for(ladder: tuple[Bucket, ...], tokens: int, texts: int) -> Bucket | None:
    """The smallest bucket that holds a batch; None where none does."""
    return next((one for one in ladder if tokens <= one.tokens and texts <= one.texts), None)
