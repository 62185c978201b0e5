"""decide(view) -> Pass: the whole operator. Pure.

Each component keeps the plan it has or gets a new one, what follows from the plans is rendered, and
the last plans of each are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from retrieval_operator.plan import Revision, revise
from retrieval_operator.reconcile.view import Decided, HalfView, Pass, View
from retrieval_operator.render import MOST_KEPT, Manifest, controller_revision, doubts, render
from retrieval_operator.spec import RetrievalService
from retrieval_operator.world import Ref, ref_of


def decide(view: View) -> Pass:
    """What there should be for a service, seen like this."""
    service = view.parsed.service
    if service is None or view.parsed.problems:
        return Pass(is_suspended=view.parsed.is_suspended)
    halves = tuple(map(_decided, view.halves))
    in_force = {one.name: one.answer for one in halves if isinstance(one.answer, Revision)}
    revisions = tuple(_to_store(service, view.halves, halves))
    wanted = render(service, in_force, view.context)
    return Pass(
        halves=halves,
        revisions=revisions,
        wanted=wanted,
        kept=frozenset((*map(ref_of, (*revisions, *wanted)), *_history(view.halves, halves))),
        spared=frozenset(one.name.value for one in halves if one.name not in in_force),
        doubts=doubts(service, view.context),
        is_suspended=service.spec.suspend,
    )


def _decided(half: HalfView) -> Decided:
    return Decided(
        name=half.component.name,
        answer=revise(half.wish, half.known, half.sight),
        is_pinned=half.wish.pinned is not None,
        away_s=half.sight.away_s,
    )


def _to_store(
    service: RetrievalService, views: tuple[HalfView, ...], halves: tuple[Decided, ...]
) -> Iterator[Manifest]:
    """The revisions that are new."""
    for view, half in zip(views, halves, strict=True):
        if isinstance(half.answer, Revision) and half.answer not in view.known:
            yield controller_revision(service, half.name, half.answer)


def _history(views: tuple[HalfView, ...], halves: tuple[Decided, ...]) -> Iterator[Ref]:
    """The stored revisions that stay: the latest of each component, and the one in force."""
    for view, half in zip(views, halves, strict=True):
        number = half.answer.number if isinstance(half.answer, Revision) else 0
        is_new = number > view.sight.taken
        latest = sorted(view.stored, reverse=True, key=lambda one: one[0])
        room = MOST_KEPT - 1 if is_new else MOST_KEPT
        yield from (ref for at, (one, ref) in enumerate(latest) if at < room or one == number)
