"""The facts of models, asked for once: tables and descriptions first, a hub where it is allowed.

What nobody knows is asked again later: soon where the answer may come by itself, after ten minutes
where somebody has to do something. May be called from several threads.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from retrieval_operator.facts import (
    BrokenCheckpoint,
    ModelFacts,
    Unknown,
    facts_for,
    facts_of,
)
from retrieval_operator.spec import Component
from retrieval_operator.spec.source import ModelSource
from retrieval_operator.world import Key

Ask = Callable[[ModelSource, Key], ModelFacts | Unknown]
"""Asks a hub about a model for a service, which is woken if there is more to say."""
SOON_S: Final = 60.0
_LATER_S: Final = 600.0
_MOST: Final = 4096
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class _Known:
    facts: ModelFacts | Unknown
    until_s: float


class Models:
    """Remembers facts by what the object says about a model."""

    def __init__(self, ask: Ask | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask_hub = ask
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}
        self._lock = threading.Lock()

    def facts(self, component: Component, who: Key) -> ModelFacts | Unknown:
        """The facts of a component's model, or why there are none as yet.

        A hub may be asked for `who`, and is not waited for longer than a moment.
        """
        key = (component.name.value, component.model.model_dump_json())
        now_s = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now_s < known.until_s:
            return known.facts
        found = self._ask(component, who)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = _Known(found, now_s + _lifetime_s(found))
        return found

    def _ask(self, component: Component, who: Key) -> ModelFacts | Unknown:
        ask = self._ask_hub
        try:
            return facts_for(component, look=None if ask is None else lambda one: ask(one, who))
        except BrokenCheckpoint as error:
            return Unknown(str(error))


def is_moving(source: ModelSource) -> bool:
    """Whether only a hub knows the model, and may say something else of it tomorrow."""
    if not source.uri.startswith("hf://") or source.like or source.shape:
        return False
    is_pinned = source.revision is not None and _COMMIT.fullmatch(source.revision) is not None
    return not is_pinned and facts_of(source.uri) is None


def _lifetime_s(found: ModelFacts | Unknown) -> float:
    if isinstance(found, ModelFacts):
        return float("inf")  # a revision does not change
    if found.is_pending:
        return 0.0
    return SOON_S if found.is_passing else _LATER_S
