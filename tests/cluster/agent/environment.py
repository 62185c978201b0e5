"""A container's variables and command line. Pure: Secrets and ConfigMaps are given.

Source: Kubernetes API reference, EnvVar and Container (`$(NAME)`, `$$`); kubelet
pkg/kubelet/kubelet_pods.go (order and precedence).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retrieval_operator.spec.quantity import Quantity
from tests.cluster.agent.images import Image

_REFERENCE = re.compile(r"\$(?:\$|\(([-\w.]+)\))")
_INDEXED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
Data = Callable[[str, str], Mapping[str, str] | None]
"""(`secrets` or `configmaps`, name) -> texts by key; None where there is no such object."""


class MissingReference(Exception):
    """A Secret, ConfigMap or key that the container needs is not there (yet)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pod's own fields say, for the downward API."""

    pod: Mapping[str, Any]
    pod_ip: str
    host_ip: str

    def field(self, path: str) -> str:
        """The value of a `fieldRef`."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if indexed := _INDEXED.fullmatch(path):
            return str((metadata.get(indexed[1]) or {}).get(indexed[2], ""))
        known = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec["nodeName"],
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": self.pod_ip,
            "status.hostIP": self.host_ip,
        }
        return str(known[path])


def variables(
    container: Mapping[str, Any], image: Image, facts: Facts, data: Data
) -> dict[str, str]:
    """The image's variables and over them the container's.

    Raises:
        MissingReference: One names something that is not there.
    """
    found = dict(image.environment)
    for source in container.get("envFrom", ()):
        found |= _all_of(source, data)
    for variable in container.get("env", ()):
        value = _value(variable, container, facts, data, found)
        if value is not None:
            found[variable["name"]] = value
    return found


def command_line(
    container: Mapping[str, Any], image: Image, environment: Mapping[str, str]
) -> list[str]:
    """What is executed: a command of the container's own drops the image's arguments too."""
    own = container.get("command")
    arguments = container.get("args") or (() if own else image.command)
    return [expanded(one, environment) for one in (*(own or image.entrypoint), *arguments)]


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """`$(NAME)` as its value, unknown names as they are, `$$` as one dollar."""

    def one(match: re.Match[str]) -> str:
        return "$" if match[1] is None else environment.get(match[1], match[0])

    return _REFERENCE.sub(one, text)


def references(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every (kind, name) that the variables need."""
    for source in container.get("envFrom", ()):
        for key, kind in (("secretRef", "secrets"), ("configMapRef", "configmaps")):
            if key in source:
                yield kind, source[key]["name"]
    for variable in container.get("env", ()):
        source = variable.get("valueFrom") or {}
        for key, kind in (("secretKeyRef", "secrets"), ("configMapKeyRef", "configmaps")):
            if key in source:
                yield kind, source[key]["name"]


def decoded(kind: str, document: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a Secret or ConfigMap."""
    data = document.get("data") or {}
    if kind == "secrets":
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
    return dict(data)


def _all_of(source: Mapping[str, Any], data: Data) -> dict[str, str]:
    kind, key = (
        ("secrets", "secretRef") if "secretRef" in source else ("configmaps", "configMapRef")
    )
    found = data(kind, source[key]["name"])
    if found is None and not source[key].get("optional"):
        raise MissingReference(f'{kind[:-1]} "{source[key]["name"]}" not found')
    prefix = source.get("prefix", "")
    return {prefix + name: value for name, value in (found or {}).items()}


def _value(
    variable: Mapping[str, Any],
    container: Mapping[str, Any],
    facts: Facts,
    data: Data,
    before: Mapping[str, str],
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expanded(variable.get("value", ""), before)
    if "fieldRef" in source:
        return facts.field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return _amount(source["resourceFieldRef"], container)
    kind, key = (
        ("secrets", "secretKeyRef")
        if "secretKeyRef" in source
        else ("configmaps", "configMapKeyRef")
    )
    return _referred(kind, source[key], data)


def _referred(kind: str, reference: Mapping[str, Any], data: Data) -> str | None:
    texts = data(kind, reference["name"])
    if texts is not None and reference["key"] in texts:
        return texts[reference["key"]]
    if reference.get("optional"):
        return None
    what = f'"{reference["name"]}"'
    if texts is None:
        raise MissingReference(f"{kind[:-1]} {what} not found")
    raise MissingReference(f"couldn't find key {reference['key']} in {kind[:-1]} {what}")


def _amount(reference: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    bound, resource = reference["resource"].split(".", 1)
    written = (container.get("resources") or {}).get(bound, {}).get(resource, "0")
    divisor = Quantity.parse(reference.get("divisor") or "1").value or 1
    return str(-(-Quantity.parse(str(written)).value // divisor))
