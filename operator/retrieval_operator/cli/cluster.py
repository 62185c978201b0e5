"""What commands that talk to a cluster share: the object's name, the login, the stored plans."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from retrieval_operator.errors import AuthorError
from retrieval_operator.plan.revision import Revision
from retrieval_operator.render.revisions import component_of, read_revision
from retrieval_operator.runtime.client import MERGE, Requests, connect
from retrieval_operator.runtime.login import configuration, current_namespace
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.world import REVISION, SERVICE

_TIMEOUT_S: Final = 15.0


@dataclass(eq=False)
class NoSuchComponent(AuthorError):
    """The command names a component that the object does not have, or none where it has two."""

    code: ClassVar[str] = "NoSuchComponent"
    service: str
    has: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.service} has {' and '.join(self.has)}: name one with --component"


@dataclass(frozen=True, slots=True)
class Stored:
    """One plan that is kept, and whether the component runs by it now."""

    component: str
    number: int
    revision: Revision | None
    is_in_force: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which object is meant."""
    parser.add_argument("name", metavar="NAME", help="name of the RetrievalService")
    parser.add_argument(
        "-n", "--namespace", metavar="NAMESPACE", help="default: that of the current context"
    )


def add_component(parser: argparse.ArgumentParser) -> None:
    """Declare which half is meant."""
    parser.add_argument(
        "--component",
        choices=[name.value for name in ComponentName],
        help="needed where the object has both",
    )


class Service:
    """One RetrievalService of the cluster that the kubeconfig names.

    Raises:
        OperatorError: There is no login, the server does not answer, or the object is not there.
    """

    def __init__(self, args: argparse.Namespace, client: Requests | None = None) -> None:
        self.namespace: str = args.namespace or current_namespace()
        self.name: str = args.name
        self._client = client or connect(configuration(), _TIMEOUT_S, lambda *_: None)
        self.live = self._client.request("GET", SERVICE.path(self.namespace, self.name))

    def component(self, named: str | None) -> str:
        """The component that is meant.

        Raises:
            NoSuchComponent: It is not clear which, or it is not there.
        """
        spec = self.live.get("spec") or {}
        has = tuple(one.value for one in ComponentName if one.value in spec)
        if named in has:
            return str(named)
        if named is None and len(has) == 1:
            return has[0]
        raise NoSuchComponent(self.name, has)

    def stored(self) -> Iterator[Stored]:
        """Every plan that is kept, by component and number."""
        query = {"labelSelector": f"app.kubernetes.io/instance={self.name}"}
        found = self._client.request("GET", REVISION.path(self.namespace), query=query)
        for document in sorted(self._ours(found.get("items") or ()), key=_order):
            component = str(component_of(document))
            number = int(document.get("revision") or 0)
            is_in_force = number == self._in_force(component)
            yield Stored(component, number, read_revision(document), is_in_force)

    def patch(self, change: Mapping[str, Any]) -> None:
        """Change the object."""
        path = SERVICE.path(self.namespace, self.name)
        self._client.request("PATCH", path, body=change, content_type=MERGE)

    def _ours(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        uid = self.live["metadata"]["uid"]
        for document in documents:
            owners = document["metadata"].get("ownerReferences") or ()
            if any(one.get("uid") == uid for one in owners):
                yield document

    def _in_force(self, component: str) -> int | None:
        components = (self.live.get("status") or {}).get("components") or {}
        return ((components.get(component) or {}).get("revision") or {}).get("number")


def _order(document: Mapping[str, Any]) -> tuple[str, int]:
    return str(component_of(document)), int(document.get("revision") or 0)
