"""When each request leaves.

Open loop (`Poisson`, `Constant`, `Burst`): requests leave at times drawn beforehand, whatever the
server does, as the users of a service do. Closed loop (`Closed`): each connection sends its next
request when the last one is answered, which measures throughput and hides queueing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval_bench.outcomes import Floats


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent users: exponential gaps with a mean of 1 / `rate_per_s`."""

    rate_per_s: float
    kind: Literal["poisson"] = "poisson"


@dataclass(frozen=True, slots=True)
class Constant:
    """A metronome: one request each 1 / `rate_per_s` seconds."""

    rate_per_s: float
    kind: Literal["constant"] = "constant"


@dataclass(frozen=True, slots=True)
class Burst:
    """`requests` spread evenly over `within_s`, then nothing: the rule "n requests in one second".

    Units: n is a number of requests that all arrive at once, never a rate the server could hold.
    """

    requests: int
    within_s: float = 1.0
    kind: Literal["burst"] = "burst"


@dataclass(frozen=True, slots=True)
class Closed:
    """`connections` clients, each waiting for its answer before it asks again."""

    connections: int
    kind: Literal["closed"] = "closed"


OpenLoop = Poisson | Constant | Burst
Arrivals = OpenLoop | Closed


@dataclass(frozen=True, slots=True)
class Stop:
    """The load ends after `requests` or after `duration_s`, whichever comes first; None: no bound.

    A burst ends by itself and ignores both.
    """

    requests: int | None = None
    duration_s: float | None = None


def offsets(arrivals: OpenLoop, stop: Stop, seed: int) -> Floats:
    """Seconds after the start at which each request is due, ascending.

    Raises:
        ValueError: A rate without any bound would never end.
    """
    if isinstance(arrivals, Burst):
        return np.arange(arrivals.requests, dtype=np.float64) * (
            arrivals.within_s / max(arrivals.requests, 1)
        )
    due_s = _due(arrivals, _enough(arrivals.rate_per_s, stop), seed)
    if stop.duration_s is not None:
        due_s = due_s[due_s < stop.duration_s]
    return due_s if stop.requests is None else due_s[: stop.requests]


def _due(arrivals: Poisson | Constant, count: int, seed: int) -> Floats:
    if isinstance(arrivals, Constant):
        return np.arange(count, dtype=np.float64) / arrivals.rate_per_s
    gaps_s = np.random.default_rng(seed).exponential(1 / arrivals.rate_per_s, count)
    return np.cumsum(gaps_s)


def _enough(rate_per_s: float, stop: Stop) -> int:
    """As many arrivals as the bounds can ask for.

    A Poisson count of mean m exceeds m + 8 √m + 32 with a probability below 1e-12.
    """
    if stop.requests is not None:
        return stop.requests
    if stop.duration_s is None:
        raise ValueError("an open loop needs a number of requests or a duration")
    mean = rate_per_s * stop.duration_s
    return math.ceil(mean + 8 * math.sqrt(mean) + 32)


def share(total: int, shard: int, shards: int) -> int:
    """How many of `total` things the client process number `shard` of `shards` takes."""
    return total // shards + (shard < total % shards)


def describe(arrivals: Arrivals) -> str:
    """The load in a few words, for tables and plots."""
    match arrivals:
        case Poisson(rate_per_s=rate_per_s):
            return f"poisson {rate_per_s:g}/s"
        case Constant(rate_per_s=rate_per_s):
            return f"constant {rate_per_s:g}/s"
        case Burst(requests=requests, within_s=within_s):
            return f"burst {requests} in {within_s:g} s"
        case Closed(connections=connections):
            return f"closed, {connections} connection{'s' if connections > 1 else ''}"
