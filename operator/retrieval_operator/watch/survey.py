"""Which kinds can be followed now: served by the cluster, and listable with our rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from retrieval_operator.cluster.client import Requests
from retrieval_operator.errors import ClusterRefused, KindMissing
from retrieval_operator.world import Kind


@dataclass(frozen=True, slots=True)
class Survey:
    """Kinds by what the server says to a listing.

    `missing` ones are not served though their group is: others use the group too. `forbidden` are
    (kind, the server's words).
    """

    listable: tuple[Kind, ...] = ()
    missing: tuple[Kind, ...] = ()
    forbidden: tuple[tuple[Kind, str], ...] = ()

    @property
    def closed(self) -> tuple[Kind, ...]:
        """Kinds that cannot be followed now and may be later."""
        return (*self.missing, *(kind for kind, _ in self.forbidden))


def survey(client: Requests, kinds: Iterable[Kind], namespaces: Iterable[str]) -> Survey:
    """Ask for one object of each kind; no namespaces means all of them.

    Raises:
        ClusterError: The server does not answer.
    """
    listable: list[Kind] = []
    missing: list[Kind] = []
    forbidden: list[tuple[Kind, str]] = []
    where = tuple(namespaces) or ("",)
    for kind in kinds:
        try:
            for namespace in where:
                client.request("GET", kind.path(namespace), query={"limit": "1"})
        except KindMissing:
            missing.append(kind)
        except ClusterRefused as error:
            forbidden.append((kind, str(error)))
        else:
            listable.append(kind)
    return Survey(tuple(listable), tuple(missing), tuple(forbidden))
