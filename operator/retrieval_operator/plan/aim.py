"""What each profile optimises, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from retrieval_operator.spec.choices import Profile


@dataclass(frozen=True, slots=True)
class Aim:
    """The bounds on one batch and on the queue before it.

    `peak_share` of the device's peak rate has to be reached, unless a batch would take longer than
    `batch_s` or hold more than `most_tokens`. Work that would wait longer than `wait_s` is refused,
    or longer than `WAIT_SHARE` of the time in which an objective wants its answers.
    """

    peak_share: float
    batch_s: float
    most_tokens: int
    wait_s: float


GPU_AIMS: Final = {
    Profile.LATENCY: Aim(peak_share=0.75, batch_s=0.03, most_tokens=16_384, wait_s=1.0),
    Profile.BALANCED: Aim(peak_share=0.90, batch_s=0.10, most_tokens=32_768, wait_s=2.5),
    Profile.THROUGHPUT: Aim(peak_share=0.97, batch_s=0.50, most_tokens=65_536, wait_s=10.0),
}
"""A waiting time of 2.5 s leaves half a second of the 3 s within which a burst has to be answered.

Beyond 32 k to 64 k tokens a batch is bound by the host that makes and splits it.
"""

WAIT_SHARE: Final = 5 / 6
"""Part of the time for an answer that may be spent in the queue: 2.5 of 3 s."""

CPU_AIMS: Final = {
    Profile.LATENCY: Aim(peak_share=0.75, batch_s=0.10, most_tokens=2048, wait_s=1.0),
    Profile.BALANCED: Aim(peak_share=0.90, batch_s=0.25, most_tokens=4096, wait_s=2.5),
    Profile.THROUGHPUT: Aim(peak_share=0.97, batch_s=1.00, most_tokens=8192, wait_s=10.0),
}
"""Batches of 1024 tokens are within a tenth of the rate of 4096 (measured), and fairer."""

BURST_S: Final = 3.0
BURST_QUANTILE: Final = 0.9
"""The yardstick of field reports: requests sent within one second, 90 % answered within three."""
