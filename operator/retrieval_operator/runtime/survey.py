"""Which places can be followed now: served by the cluster, and listable with our rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from retrieval_operator.errors import ClusterRefused, KindMissing
from retrieval_operator.runtime.client import Requests
from retrieval_operator.runtime.kinds import Kind, Place


@dataclass(frozen=True, slots=True)
class Survey:
    """Places by what the server says to a listing.

    Kinds of `missing` places are not served though their group is: others use the group too.
    `forbidden` are (place, the server's words).
    """

    listable: tuple[Place, ...] = ()
    missing: tuple[Place, ...] = ()
    forbidden: tuple[tuple[Place, str], ...] = ()

    @property
    def closed(self) -> tuple[Place, ...]:
        """Places that cannot be followed now and may be later."""
        return (*self.missing, *(place for place, _ in self.forbidden))

    @property
    def missing_kinds(self) -> frozenset[Kind]:
        """Kinds that are not served."""
        return frozenset(place.kind for place in self.missing)


def survey(client: Requests, places: Iterable[Place]) -> Survey:
    """Ask for one object of each place.

    Raises:
        ClusterError: The server does not answer.
    """
    listable: list[Place] = []
    missing: list[Place] = []
    forbidden: list[tuple[Place, str]] = []
    for place in places:
        try:
            client.request("GET", place.path, query={"limit": "1"})
        except KindMissing:
            missing.append(place)
        except ClusterRefused as error:
            forbidden.append((place, str(error)))
        else:
            listable.append(place)
    return Survey(tuple(listable), tuple(missing), tuple(forbidden))
