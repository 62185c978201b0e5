"""Look at everything that a pass over one service needs. Reads the store; may ask a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from retrieval_operator.derive import Word, read
from retrieval_operator.derive.status import time_text
from retrieval_operator.errors import SpecError
from retrieval_operator.facts import ModelFacts, Unknown
from retrieval_operator.plan import (
    Revision,
    Sight,
    Wish,
    ask_of,
    has_place,
    is_same_model,
)
from retrieval_operator.reconcile.lasting import Lasting
from retrieval_operator.reconcile.models import is_moving
from retrieval_operator.reconcile.planning import Planning
from retrieval_operator.reconcile.view import HalfView, Parsed, View
from retrieval_operator.render import Context, component_of, impossible, read_revision
from retrieval_operator.spec import (
    Component,
    RetrievalService,
    parse,
    unsupported,
    with_defaults,
)
from retrieval_operator.world import REVISION, Document, Key, Ref, Store

REPLAN_ANNOTATION = "retrieval.io/replan"
"""Any new text in it has the plans of a service made anew."""


class Looking:
    """Makes views. May be used from several threads."""

    def __init__(
        self,
        world: Store,
        planning: Planning,
        facts: Callable[[Component, Key], ModelFacts | Unknown],
        lasting: Lasting,
    ) -> None:
        self._world = world
        self._planning = planning
        self._facts = facts
        self._lasting = lasting

    def look(self, key: Key, live: Document, context: Context, now: datetime) -> View:
        """The service before a pass."""
        parsed = accept(live, context)
        view = View(key, live, read(live.get("status")), parsed, (), context, now)
        if parsed.service is None or parsed.problems:
            return view
        return replace(view, halves=tuple(self._halves(view, parsed.service)))

    def _halves(self, view: View, service: RetrievalService) -> Iterator[HalfView]:
        for component in service.spec.components:
            stored = tuple(self._stored(view, component))
            known = tuple(one for found in stored if (one := read_revision(found)) is not None)
            wish = _wish(service, component)
            yield HalfView(
                component=component,
                wish=wish,
                known=known,
                stored=tuple((_number(one), _ref(one)) for one in stored),
                sight=self._sight(
                    view, wish, component, known, max(map(_number, stored), default=0)
                ),
            )

    def _stored(self, view: View, component: Component) -> Iterator[Document]:
        uid = view.live["metadata"].get("uid")
        for found in self._world.owned(REVISION, view.key):
            owners = {one.get("uid") for one in found["metadata"].get("ownerReferences") or ()}
            if uid in owners and component_of(found) == component.name.value:
                yield found

    def _sight(
        self,
        view: View,
        wish: Wish,
        component: Component,
        known: tuple[Revision, ...],
        taken: int,
    ) -> Sight:
        inventory = self._planning.inventory()
        last = max(known, key=lambda one: one.number, default=None)
        is_away = last is not None and not has_place(last.plan, last.ask, inventory)
        return Sight(
            inventory=inventory,
            facts=self._facts_of(view.key, wish, component, last),
            image=view.context.image,
            is_image_chosen=view.context.is_image_chosen,
            now=time_text(view.now),
            away_s=self._lasting.seconds(view.key, "away", component.name.value, is_so=is_away),
            taken=taken,
        )

    def _facts_of(
        self, key: Key, wish: Wish, component: Component, last: Revision | None
    ) -> ModelFacts | Unknown | None:
        """What is known of the model; nobody is asked where the last plan's facts must stand."""
        if last is not None and is_same_model(wish, last) and not is_moving(component.model):
            return None
        return self._facts(component, key)


def accept(live: Document, context: Context) -> Parsed:
    """The service of an object, or everything that is wrong with it in this installation."""
    spec: Any = live.get("spec")
    raw = spec.get("suspend", False) if isinstance(spec, Mapping) else False
    is_suspended = raw if isinstance(raw, bool) else None
    try:
        service = with_defaults(parse(live), context.defaults)
    except SpecError as error:
        return Parsed(None, tuple(map(str, error.problems)), is_suspended=is_suspended)
    gaps = (*unsupported(service), *impossible(service, context))
    return Parsed(service, tuple(map(str, gaps)), Word.UNSUPPORTED, is_suspended)


def _wish(service: RetrievalService, component: Component) -> Wish:
    model = component.model.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"token_secret", "allow_pickle"}
    )
    return Wish(
        ask=ask_of(service.spec, component),
        model=model,
        asked=service.metadata.annotations.get(REPLAN_ANNOTATION, ""),
        pinned=component.rollback_to,
    )


def _number(stored: Document) -> int:
    return int(stored.get("revision") or 0)


def _ref(stored: Document) -> Ref:
    metadata = stored["metadata"]
    return Ref(REVISION, str(metadata["namespace"]), str(metadata["name"]))
