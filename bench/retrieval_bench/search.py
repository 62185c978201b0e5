"""Find the largest load that still passes a rule, and judge loads by one.

`largest` is a generator: it yields loads to try, is told whether each passed, and returns what it
found. It neither sleeps nor sends, so any capacity can be searched, a server's or a function's.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from retrieval_bench.outcomes import Ending, Outcomes


@dataclass(frozen=True, slots=True)
class Rule:
    """A share of at least `quantile` of the requests is answered within `within_s`, without errors.

    `rejections` True takes "come back later" (429) for an orderly answer: rejected requests are
    then neither errors nor part of the share, as long as something was answered.
    """

    quantile: float = 0.9
    within_s: float = 3.0
    rejections: bool = False

    def __str__(self) -> str:
        errors = "no errors but 429" if self.rejections else "no errors"
        return f"{100 * self.quantile:g} % answered within {self.within_s:g} s, {errors}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a load passed, the share answered in time, and the reason in a few words."""

    passed: bool
    in_time: float
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How far and how finely to search, in steps of the load (requests of a burst, or rate steps).

    The search starts at `start`, never exceeds `ceiling`, stops when the gap between the largest
    that passed and the smallest that failed is at most `resolution` of the former (or one step),
    and wants the result to pass `confirmations` times.
    """

    start: int = 64
    ceiling: int = 65_536
    resolution: float = 0.02
    confirmations: int = 3


def judge(outcomes: Outcomes, rule: Rule) -> Verdict:
    """Whether these outcomes hold the rule; requests that failed count as not answered in time."""
    rejected = int((outcomes.endings == Ending.REJECTED).sum()) if rule.rejections else 0
    judged = len(outcomes) - rejected
    answered = int(outcomes.answered.sum())
    in_time = int((outcomes.answered & (outcomes.latency_s <= rule.within_s)).sum())
    share = in_time / judged if judged else 0.0
    if answered < judged:
        return Verdict(passed=False, in_time=share, reason=f"{judged - answered} failed")
    passed = share >= rule.quantile
    return Verdict(passed, share, f"{100 * share:.1f} % within {rule.within_s:g} s")


def largest(limits: Limits) -> Generator[int, bool, int]:
    """Yield loads to try; return the largest that passed `confirmations` times, 0 if none did.

    Doubling from the start brackets the limit, bisection narrows it, and the result is then tried
    again. A result that fails a confirmation becomes the new upper bound, so noise costs probes
    and never lets a lucky pass stand. Every load lies in 1 … ceiling.
    """
    passed, failed = yield from _bracket(limits)
    while passed:
        passed, failed = yield from _bisect(passed, failed, limits)
        if (yield from _confirm(passed[-1], limits.confirmations - 1)):
            return passed[-1]
        failed = passed.pop()
        if not passed:
            passed, failed = yield from _descend(failed)
    return 0


def _bracket(limits: Limits) -> Generator[int, bool, tuple[list[int], int]]:
    """Double until a load fails; loads that passed, ascending, and the smallest that failed."""
    load = min(max(limits.start, 1), limits.ceiling)
    passed: list[int] = []
    while (yield load):
        passed.append(load)
        if load == limits.ceiling:
            return passed, load + 1
        load = min(2 * load, limits.ceiling)
    if passed:
        return passed, load
    return (yield from _descend(load))


def _descend(failed: int) -> Generator[int, bool, tuple[list[int], int]]:
    """Halve until a load passes: that load (nothing if even 1 fails) and what failed above it."""
    while load := failed // 2:
        if (yield load):
            return [load], failed
        failed = load
    return [], failed


def _bisect(
    passed: list[int], failed: int, limits: Limits
) -> Generator[int, bool, tuple[list[int], int]]:
    while failed - passed[-1] > max(1, int(limits.resolution * passed[-1])):
        middle = (passed[-1] + failed) // 2
        if (yield middle):
            passed.append(middle)
        else:
            failed = middle
    return passed, failed


def _confirm(load: int, times: int) -> Generator[int, bool, bool]:
    for _ in range(times):
        if not (yield load):
            return False
    return True
