"""Tidy numbers and their texts. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from retrieval_operator.spec.quantity import bytes_text

GIB: Final = 2**30
_DECIMAL: Final = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3))
_LARGEST_POWER: Final = 30
TIDY: Final[tuple[int, ...]] = tuple(
    size for power in range(3, _LARGEST_POWER) for size in (2**power, 2**power + 2 ** (power - 1))
)
"""8, 12, 16, 24, … : powers of two and the steps halfway between them."""


def tidy_up(amount: float) -> int:
    """The smallest tidy number that is not below `amount`."""
    return TIDY[min(bisect_left(TIDY, amount), len(TIDY) - 1)]


def tidy_down(amount: float) -> int:
    """The largest tidy number that is not above `amount`, at least the smallest there is."""
    return TIDY[max(bisect_right(TIDY, amount) - 1, 0)]


def gi(amount_bytes: int) -> str:
    """Bytes as gibibytes with two digits: `22.49 Gi`."""
    return f"{amount_bytes / GIB:.2f} Gi"


def gi_up(amount_bytes: int) -> int:
    """Whole gibibytes that hold this many bytes."""
    return -(-amount_bytes // GIB)


def quantity_text(amount_bytes: int) -> str:
    """Bytes as Kubernetes would print them: `1536Mi`, or `5G` where no binary unit is whole.

    Source: apimachinery pkg/api/resource/quantity.go, CanonicalizeBytes.
    """
    if amount_bytes % 1024 == 0:
        return bytes_text(amount_bytes)
    for suffix, power in _DECIMAL:
        if amount_bytes % 10**power == 0:
            return f"{amount_bytes // 10**power}{suffix}"
    return str(amount_bytes)


def round_up(amount: int, step: int) -> int:
    """The next multiple of `step` that is not below `amount`."""
    return -(-amount // step) * step
