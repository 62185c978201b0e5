"""What one pod should reach, so that a plan can be judged before it runs. Pure."""

from __future__ import annotations

from math import inf
from typing import Final

from retrieval_operator.plan.aim import BURST_QUANTILE, BURST_S
from retrieval_operator.plan.batching import Sizes
from retrieval_operator.plan.cost import Speed
from retrieval_operator.plan.host import WORKER_REQUESTS_S, WORKER_TOKENS_S
from retrieval_operator.plan.result import Estimate
from retrieval_operator.plan.site import Site
from retrieval_operator.plan.texts import short_tokens, typical_tokens
from retrieval_operator.spec.choices import ComponentName

IN_TIME_S: Final = 0.2
"""A request that waits no longer than this is in time; what autoscaling aims for by default."""
_FIRST_S: Final = 1.0
"""While a burst arrives, its first second is already being answered."""


def estimate(component: ComponentName, site: Site, sizes: Sizes) -> Estimate:
    """Rates and the largest burst of one pod, whichever of device and workers is slower."""
    longest, batch = sizes.input_tokens.value, sizes.batch_tokens.value
    tokens, workers = short_tokens(component, longest), site.workers.value
    engines = max(1, site.gpus)
    tokens_s = min(engines * site.long_speed.tokens_s(batch), workers * WORKER_TOKENS_S)
    texts_s = min(
        engines * _short_texts_s(site.short_speed, sizes, tokens),
        workers * WORKER_TOKENS_S / tokens,
        _answers_s(component, workers),
    )
    queued = engines * sizes.queue_tokens.value / tokens
    return Estimate(
        tokens_per_s=int(tokens_s),
        text_tokens=typical_tokens(longest),
        texts_per_s=int(texts_s),
        short_tokens=tokens,
        burst_texts=int(min(texts_s * BURST_S / BURST_QUANTILE, queued + texts_s * _FIRST_S)),
        batch_s=site.long_speed.seconds(batch),
        basis=site.long_speed.basis,
    )


def _short_texts_s(speed: Speed, sizes: Sizes, tokens: int) -> float:
    """Short texts a second when every batch is full."""
    filled = min(sizes.batch_tokens.value, sizes.batch_texts.value * tokens)
    return speed.tokens_s(max(filled, tokens)) / tokens


def _answers_s(component: ComponentName, workers: int) -> float:
    """Requests that the workers parse and answer; one rerank request holds many texts."""
    return inf if component is ComponentName.RERANKER else workers * WORKER_REQUESTS_S
