"""Keep the revision in force, or make a new one and say why. Pure.

There are few reasons to make one: the object changed in what a plan depends on, the model did, the
device has been gone for minutes while others are there, the image was chosen anew, or somebody
asked. A new version of the planner is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.inventory.node import Inventory
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.eligible import eligible_nodes, eligible_offers
from retrieval_operator.plan.kinds import admitted
from retrieval_operator.plan.planner import plan
from retrieval_operator.plan.result import Reason, Refusal
from retrieval_operator.plan.revision import Cause, Revision, planner_version
from retrieval_operator.plan.rows import digest

AWAY_S: Final = 300.0
"""A device that is gone for less, as while its plugin or node restarts, changes nothing."""

_SPELLED: Final = {
    "max_input_tokens": "maxInputTokens",
    "max_batch_tokens": "batching.maxBatchTokens",
    "max_batch_size": "batching.maxBatchSize",
    "max_queue_tokens": "batching.maxQueueTokens",
    "within_s": "objective.withinSeconds",
    "allow_pickle": "model.allowPickle",
    "cpu_request_millicores": "resources.requests.cpu",
    "cpu_limit_millicores": "resources.limits.cpu",
    "memory_request_bytes": "resources.requests.memory",
    "memory_limit_bytes": "resources.limits.memory",
    "node_selector": "podTemplate.nodeSelector",
    "tolerations": "podTemplate.tolerations",
}
"""Wishes whose field in the object is spelled otherwise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the object asks of one component's plan. `pinned` is the revision that it names."""

    ask: Ask
    model: Mapping[str, Any]
    asked: str = ""
    pinned: int | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known when a plan is looked at: nodes, the model, the image, the time.

    `facts` is None where nobody had to be asked, so that those of the last revision stand.
    `away_s` is how long no node has had a place for its pods. `taken` is the highest number that a
    revision ever had.
    """

    inventory: Inventory
    facts: ModelFacts | Unknown | None
    image: str
    is_image_chosen: bool
    now: str
    away_s: float = 0.0
    taken: int = 0


def revise(wish: Wish, known: Sequence[Revision], sight: Sight) -> Revision | Refusal:
    """The revision to run by: one of `known`, or a new one; or why there is none."""
    if wish.pinned is not None:
        return _pinned(wish, wish.pinned, known)
    last = max(known, key=lambda one: one.number, default=None)
    if last is None:
        return _made(wish, sight, Cause.FIRST, "", sight.inventory)
    for cause, why in _causes(wish, last, sight):
        return _next(wish, last, sight, cause, why)
    return last


def is_same_model(wish: Wish, revision: Revision) -> bool:
    """Whether the object still means the model that the revision was made for."""
    return dict(wish.model) == dict(revision.model)


def _causes(wish: Wish, last: Revision, sight: Sight) -> Iterator[tuple[Cause, str]]:
    """Why the last revision does not do any more; what is asked for comes first."""
    changed = tuple(_changed(wish, last))
    if changed:
        yield Cause.OBJECT, ", ".join(changed)
    if wish.asked and wish.asked != last.asked:
        yield Cause.ASKED, wish.asked
    if isinstance(sight.facts, ModelFacts) and _differ(sight.facts, last.plan.facts):
        yield Cause.FACTS, sight.facts.source
    if sight.is_image_chosen and sight.image != last.image:
        yield Cause.IMAGE, f"{last.image} to {sight.image}"
    if sight.away_s >= AWAY_S and _has_others(wish.ask, sight.inventory):
        kinds = " or ".join(map(str, last.plan.kinds)) or last.plan.device
        yield Cause.DEVICE, f"no node with {kinds} has room"


def _changed(wish: Wish, last: Revision) -> Iterator[str]:
    if not is_same_model(wish, last):
        yield "model"
    for field in fields(Ask):
        name = field.name
        if name != "uri" and getattr(wish.ask, name) != getattr(last.ask, name):
            yield _SPELLED.get(name, name)


def _differ(found: ModelFacts, stored: ModelFacts) -> bool:
    """Whether the checkpoint is another; what a planner computes of it does not count."""
    return (found.dims, found.dtype, found.dimensions, found.is_pickled) != (
        stored.dims, stored.dtype, stored.dimensions, stored.is_pickled,
    )  # fmt: skip


def _has_others(ask: Ask, inventory: Inventory) -> bool:
    """Whether there is a device to move to; a pool that scaled to zero is waited for."""
    if ask.gpu is None:
        return any(True for _ in eligible_nodes(inventory, ask))
    return bool(eligible_offers(inventory, ask, ask.gpu))


def _next(wish: Wish, last: Revision, sight: Sight, cause: Cause, why: str) -> Revision | Refusal:
    if cause is Cause.IMAGE:
        return replace(
            last,
            number=_number(last, sight),
            cause=cause,
            why=why,
            made=sight.now,
            image=sight.image,
        )
    stays = cause is not Cause.DEVICE and cause is not Cause.ASKED and _same_place(wish, last)
    answer = _made(wish, sight, cause, why, _near(last, wish, sight) if stays else None, last)
    if isinstance(answer, Refusal):
        return answer if cause is Cause.OBJECT else last
    is_same = (answer.digest, answer.plan.kinds) == (last.digest, last.plan.kinds)
    return last if is_same and cause is Cause.DEVICE else answer


def _same_place(wish: Wish, last: Revision) -> bool:
    ask, former = wish.ask, last.ask
    return (ask.gpu, ask.node_selector, ask.tolerations) == (
        former.gpu, former.node_selector, former.tolerations,
    )  # fmt: skip


def _near(last: Revision, wish: Wish, sight: Sight) -> Inventory | None:
    """The nodes of the kinds in force: an edit of a batch moves no pod to another device."""
    nodes = tuple(admitted(last.plan.kinds, eligible_nodes(sight.inventory, wish.ask)))
    return replace(sight.inventory, nodes=nodes) if nodes and last.plan.kinds else None


def _made(
    wish: Wish,
    sight: Sight,
    cause: Cause,
    why: str,
    near: Inventory | None,
    last: Revision | None = None,
) -> Revision | Refusal:
    """A new revision, for the devices in force where it fits them, else for any."""
    facts = sight.facts
    if last is not None and not isinstance(facts, ModelFacts) and is_same_model(wish, last):
        facts = last.plan.facts
    answer = plan(wish.ask, facts, near or sight.inventory)
    if isinstance(answer, Refusal) and near is not None and near is not sight.inventory:
        answer = plan(wish.ask, facts, sight.inventory)
    if isinstance(answer, Refusal):
        return answer
    return Revision(
        number=_number(last, sight),
        cause=cause,
        why=why,
        made=sight.now,
        planner=planner_version(),
        image=sight.image,
        digest=digest(answer),
        plan=answer,
        ask=wish.ask,
        model=dict(wish.model),
        asked=wish.asked,
    )


def _number(last: Revision | None, sight: Sight) -> int:
    return max(sight.taken, last.number if last else 0) + 1


def _pinned(wish: Wish, number: int, known: Sequence[Revision]) -> Revision | Refusal:
    """The revision that the object names; it rules whatever else has changed, but for its model."""
    field = f"{wish.ask.path}.rollbackTo"
    found = next((one for one in known if one.number == number), None)
    if found is None:
        kept = ", ".join(str(one.number) for one in known) or "none"
        return _unfit(wish, f"{field} is {number}, and kept are {kept}", f"remove {field}")
    if not is_same_model(wish, found):
        was = found.model.get("uri")
        message = f"{field} is {number}, which was planned for another model: {was}"
        return _unfit(wish, message, f"set {wish.ask.path}.model back, or remove {field}")
    if (wish.ask.gpu is None) != (found.ask.gpu is None):
        message = f"{field} is {number}, which was planned for {found.plan.device}"
        return _unfit(wish, message, f"set {wish.ask.path}.gpu back, or remove {field}")
    return found


def _unfit(wish: Wish, message: str, remedy: str) -> Refusal:
    return Refusal(wish.ask.component, Reason.NO_SUCH_REVISION, message, advice=(remedy,))
