"""How long an input, how large a batch and how long a queue may be. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from retrieval_operator.facts.family import Attention
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.plan.aim import WAIT_SHARE, Aim
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.cost import Speed
from retrieval_operator.plan.result import By, Decision, Reason, Refusal, Refused, Room
from retrieval_operator.plan.sizes import TIDY, tidy_down, tidy_up

LONG_DEFAULT_TOKENS: Final = 2048
"""Default for models that take more: about 1500 English words, more than a page."""
_SET: Final = "set in the object"
_SHORTEST_TEXT_TOKENS: Final = 8
_MOST_TEXTS: Final = 2048
_QUEUE_BATCHES: Final = 2
_QUEUE_LONGEST: Final = 8


@dataclass(frozen=True, slots=True)
class Sizes:
    """The four bounds of a batch and its queue, each with its reason."""

    input_tokens: Decision[int]
    batch_tokens: Decision[int]
    batch_texts: Decision[int]
    queue_tokens: Decision[int]

    @property
    def room(self) -> Room:
        """The sizes alone."""
        return Room(self.batch_tokens.value, self.batch_texts.value, self.queue_tokens.value)


def without_limits(ask: Ask) -> Ask:
    """The same wishes with every limit left to the planner."""
    return replace(ask, max_batch_tokens=None, max_batch_size=None, max_queue_tokens=None)


def larger(one: Room, other: Room) -> Room:
    """Room for the limits of both."""
    return Room(
        max(one.batch_tokens, other.batch_tokens),
        max(one.batch_texts, other.batch_texts),
        max(one.queue_tokens, other.queue_tokens),
    )


def input_tokens(ask: Ask, facts: ModelFacts) -> Decision[int]:
    """The longest input, in tokens.

    Raises:
        Refused: The object asks for more than the weights take.
    """
    if ask.max_input_tokens is not None:
        if ask.max_input_tokens > facts.limit_tokens:
            raise Refused(_too_long(ask, ask.max_input_tokens, facts))
        return Decision(ask.max_input_tokens, By.SET, _SET)
    natural, why = _natural_input(facts)
    bounds = {"maxBatchTokens": ask.max_batch_tokens, "maxQueueTokens": ask.max_queue_tokens}
    for field, bound in bounds.items():
        if bound is not None and bound < natural:
            natural, why = bound, f"kept at batching.{field}"
    return Decision(natural, By.PLANNED, why)


def _natural_input(facts: ModelFacts) -> tuple[int, str]:
    advised, limit = facts.advised_tokens, facts.limit_tokens
    natural = min(limit, advised or limit)
    if natural > LONG_DEFAULT_TOKENS:
        return LONG_DEFAULT_TOKENS, (
            f"about 1500 words; the model takes {natural}, set this to keep more of a text"
        )
    if advised is not None and advised < limit:
        return natural, f"max_seq_length of its authors; the weights take {limit}"
    return natural, "the model's limit"


def batch_tokens(
    ask: Ask, aim: Aim, longest: int, speed: Speed, fits: Callable[[int], bool]
) -> Decision[int] | None:
    """Tokens in one forward pass, or None where not even the smallest batch fits.

    The smallest batch holds one text of `longest` tokens, or what the object sets.
    """
    if ask.max_batch_tokens is not None:
        decision = Decision(ask.max_batch_tokens, By.SET, _SET)
        return decision if fits(ask.max_batch_tokens) else None
    wanted, why = _wanted(ask, aim, longest, speed)
    if fits(wanted):
        return Decision(wanted, By.PLANNED, why)
    smaller = [size for size in reversed(TIDY) if longest < size < wanted]
    for size in (*smaller, longest):
        if fits(size):
            return Decision(size, By.PLANNED, f"the largest that fits; {wanted} would be faster")
    return None


def _wanted(ask: Ask, aim: Aim, longest: int, speed: Speed) -> tuple[int, str]:
    """The batch that the profile wants, were memory no object."""
    knee = tidy_up(speed.knee_tokens(aim.peak_share))
    in_time = tidy_down(max(0.0, aim.batch_s - speed.fixed_s) * speed.peak_tokens_s)
    ceiling = tidy_down(ask.max_queue_tokens) if ask.max_queue_tokens else aim.most_tokens
    bounds = (
        (knee, f"reaches {aim.peak_share:.0%} of the peak rate; more only adds waiting"),
        (in_time, f"the most that {aim.batch_s * 1e3:.0f} ms of computing hold"),
        (aim.most_tokens, f"the most for profile {ask.profile.value}"),
        (ceiling, "kept below batching.maxQueueTokens"),
    )
    wanted, why = min(bounds, key=lambda bound: bound[0])
    if wanted < longest:
        return longest, f"one input of maxInputTokens; {wanted} would be: {why}"
    return wanted, why


def batch_size(ask: Ask, facts: ModelFacts, batch: int, longest: int) -> Decision[int]:
    """Texts in one forward pass."""
    if ask.max_batch_size is not None:
        return Decision(ask.max_batch_size, By.SET, _SET)
    if facts.family.attention is not Attention.PACKED:
        why = f"{facts.family.model_type} is padded: each text may be as long as the longest"
        return Decision(max(1, batch // longest), By.PLANNED, why)
    size = max(1, min(batch // _SHORTEST_TEXT_TOKENS, _MOST_TEXTS))
    return Decision(size, By.PLANNED, f"texts of {_SHORTEST_TEXT_TOKENS} tokens fill the batch")


def queue_tokens(ask: Ask, aim: Aim, batch: int, longest: int, tokens_s: float) -> Decision[int]:
    """Tokens that may wait."""
    if ask.max_queue_tokens is not None:
        return Decision(ask.max_queue_tokens, By.SET, _SET)
    least = tidy_up(max(_QUEUE_BATCHES * batch, _QUEUE_LONGEST * longest))
    in_time = tidy_down(aim.wait_s * tokens_s)
    if in_time < least:
        return Decision(least, By.PLANNED, "two batches or eight of the longest inputs")
    why = f"{aim.wait_s:g} s of work at the estimated rate; what would wait longer gets 429"
    return Decision(in_time, By.PLANNED, why)


def queue_wait_s(ask: Ask, aim: Aim) -> float:
    """How long work may wait at the rate that an engine measures: the profile's or objective's."""
    return aim.wait_s if ask.within_s is None else min(aim.wait_s, WAIT_SHARE * ask.within_s)


def _too_long(ask: Ask, asked: int, facts: ModelFacts) -> Refusal:
    return Refusal(
        ask.component,
        Reason.INPUT_TOO_LONG,
        f"{ask.path}.maxInputTokens is {asked}; {facts.name} has positions for "
        f"{facts.limit_tokens} tokens ({facts.source})",
    )
