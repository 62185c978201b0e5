"""Which places the store has, which are being listed, and which cannot be followed. No I/O.

Passes over the objects of one namespace wait for the places that concern it, and for no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from retrieval_operator.runtime.audit import Listing
from retrieval_operator.runtime.kinds import Kind, Place
from retrieval_operator.runtime.survey import Survey


@dataclass(slots=True)
class Check:
    """A comparison that is due or under way: what was listed, when, and since when it goes on."""

    since_s: float
    listing: Listing | None = None
    listed_s: float = 0.0


class Coverage:
    """What of the cluster the store has."""

    def __init__(self) -> None:
        self.survey = Survey()
        self.listed: set[Place] = set()
        self.checks: dict[Place, Check] = {}
        self.lost_s: dict[Place, float] = {}
        self._was_complete = False

    @property
    def followed(self) -> tuple[Place, ...]:
        """Places that the watch follows now."""
        return self.survey.listable

    @property
    def gaps(self) -> tuple[tuple[Place, str], ...]:
        """Places that may not be followed, with the server's words."""
        return self.survey.forbidden

    @property
    def has_listed(self) -> bool:
        """Whether everything has been listed once; what comes later is no step back."""
        if self.followed and self.listed.issuperset(self.followed):
            self._was_complete = True
        return self._was_complete

    def follows(self, kind: Kind) -> bool:
        """Whether objects of this kind are followed anywhere."""
        return any(place.kind == kind for place in self.followed)

    def holds(self, namespace: str) -> bool:
        """Whether everything that concerns a namespace is in the store."""
        concerned = [place for place in self.followed if place.holds(namespace)]
        return bool(concerned) and self.listed.issuperset(concerned)

    def surveyed(self, found: Survey, now_s: float) -> frozenset[Place]:
        """Take a new look at what can be followed; the places that are new."""
        before, after = set(self.followed), set(found.listable)
        self.survey = found
        for place in before - after:
            self.lost_s.setdefault(place, now_s)
            self.checks.pop(place, None)
        for place in after:
            self.lost_s.pop(place, None)
        self.due(after - before, now_s)
        return frozenset(after - before)

    def due(self, places: Iterable[Place], now_s: float) -> None:
        """Compare these places with a listing; one that is under way begins anew."""
        for place in places:
            known = self.checks.get(place)
            self.checks[place] = Check(known.since_s if known is not None else now_s)

    def given_up(self, now_s: float, patience_s: float) -> tuple[Place, ...]:
        """Places lost for longer than a moment; what the store has of them is not true any more."""
        over = [place for place, since_s in self.lost_s.items() if now_s - since_s >= patience_s]
        for place in over:
            del self.lost_s[place]
            self.listed.discard(place)
        return tuple(over)
