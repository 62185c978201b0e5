"""What one pod should reach, so that a plan can be judged before it runs. Pure.

One answer to "how many requests of a burst does a pod hold": `Capacity.held`. The estimate of a
plan, the verdict on an objective and what is measured later all ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from retrieval_operator.plan.aim import BURST_QUANTILE, BURST_S
from retrieval_operator.plan.batching import Sizes
from retrieval_operator.plan.cost import Speed
from retrieval_operator.plan.host import CONNECTION_S, REQUEST_S, WORKER_TOKENS_S
from retrieval_operator.plan.result import Estimate
from retrieval_operator.plan.site import Site
from retrieval_operator.plan.texts import short_tokens, typical_tokens
from retrieval_operator.spec.choices import ComponentName

IN_TIME_S: Final = 0.2
"""A request that waits no longer than this is in time; what autoscaling aims for by default."""
_ARRIVAL_S: Final = 1.0
"""A burst arrives within one second, and its first second is already being answered."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one pod does with short texts, and where that is known from.

    `device_texts_s` is what its devices compute a second, `answered_texts_s` what its API workers
    read and answer of a burst, each on a connection of its own. `queued_texts` may wait.
    """

    device_texts_s: float
    answered_texts_s: float
    queued_texts: float
    basis: str

    @property
    def texts_per_s(self) -> float:
        """Whichever of device and workers is slower."""
        return min(self.device_texts_s, self.answered_texts_s)

    def held(self, within_s: float, quantile: float) -> float:
        """The largest burst of which this share is answered in time and nothing is refused."""
        in_time = self.texts_per_s * within_s / quantile
        admitted = self.queued_texts + self.texts_per_s * _ARRIVAL_S
        return min(in_time, admitted)


def estimate(component: ComponentName, site: Site, sizes: Sizes) -> Estimate:
    """Rates and the largest burst of one pod, whichever of device and workers is slower."""
    longest, batch = sizes.input_tokens.value, sizes.batch_tokens.value
    tokens, workers = short_tokens(component, longest), site.workers.value
    engines = max(1, site.gpus)
    computed_s = engines * _short_texts_s(site.short_speed, sizes, tokens)
    queued = engines * sizes.queue_tokens.value / tokens
    burst = Capacity(
        computed_s, answered_texts_s(component, workers, tokens, CONNECTION_S), queued, ""
    )
    return Estimate(
        tokens_per_s=int(min(engines * site.long_speed.tokens_s(batch), workers * WORKER_TOKENS_S)),
        text_tokens=typical_tokens(longest),
        texts_per_s=int(min(computed_s, answered_texts_s(component, workers, tokens, 0.0))),
        device_texts_per_s=int(computed_s),
        short_tokens=tokens,
        burst_texts=int(burst.held(BURST_S, BURST_QUANTILE)),
        batch_s=site.long_speed.seconds(batch),
        spread=site.long_speed.spread,
        basis=site.long_speed.basis,
    )


def answered_texts_s(
    component: ComponentName, workers: int, tokens: int, connection_s: float
) -> float:
    """Short texts that API workers read, tokenise and answer a second.

    One rerank request holds many texts, so that only their tokens count.
    """
    tokenised = workers * WORKER_TOKENS_S / tokens
    if component is ComponentName.RERANKER:
        return tokenised
    return min(tokenised, workers / (REQUEST_S + connection_s))


def _short_texts_s(speed: Speed, sizes: Sizes, tokens: int) -> float:
    """Short texts a second when every batch is full."""
    filled = min(sizes.batch_tokens.value, sizes.batch_texts.value * tokens)
    return speed.tokens_s(max(filled, tokens)) / tokens
