"""What is followed: collections, and the runs of the watch that follow them together. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from retrieval_operator.runtime.kinds import Kind, Place


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to follow: kinds, the label that narrows some of them, and namespaces (none: all).

    The first kind is the one that passes are made over. Every `resync_s` the store is compared with
    a listing; a stream that tells nothing for `silence_s` is opened anew.
    """

    kinds: tuple[Kind, ...]
    labels: Mapping[Kind, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    resync_s: float = 600.0
    silence_s: float = 60.0

    def places(self, apis: frozenset[str]) -> tuple[Place, ...]:
        """Every collection of the kinds whose API is served."""
        return tuple(
            Place(kind, namespace, self.labels.get(kind, ""))
            for kind in self.kinds
            if kind.api_version in apis
            for namespace in (self.namespaces if kind.is_namespaced else ()) or ("",)
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Kinds that one run of the watch follows in the same namespaces; none means everywhere."""

    kinds: tuple[Kind, ...]
    namespaces: tuple[str, ...] = ()
    labels: tuple[tuple[Kind, str], ...] = ()


def scopes(places: Iterable[Place]) -> frozenset[Scope]:
    """The fewest runs that follow exactly these places."""
    where: dict[tuple[Kind, str], list[str]] = defaultdict(list)
    for place in places:
        where[place.kind, place.labels].append(place.namespace)
    together: dict[tuple[str, ...], list[tuple[Kind, str]]] = defaultdict(list)
    for what, namespaces in where.items():
        together[tuple(sorted(name for name in namespaces if name))].append(what)
    return frozenset(
        Scope(tuple(kind for kind, _ in kinds), namespaces, tuple(one for one in kinds if one[1]))
        for namespaces, kinds in together.items()
    )
