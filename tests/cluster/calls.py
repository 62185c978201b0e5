"""What a request to an API server asks for, read from its method and path. Pure.

Source: Kubernetes documentation, "API concepts" and "Request verbs" of authorisation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PATH: Final = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>.+))?)?"
)
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as RBAC would see it; parts that a path does not have are empty."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


def call(method: str, path: str, query: Mapping[str, str]) -> Call:
    """The call behind a request; a path that names no resource gives only a verb."""
    found = _PATH.fullmatch(path)
    parts = {key: value or "" for key, value in found.groupdict().items()} if found else {}
    verb = _VERBS.get(method) or _reading(parts.get("name", ""), query)
    return Call(verb=verb, **parts)


def _reading(name: str, query: Mapping[str, str]) -> str:
    if query.get("watch") in {"true", "1", "True"}:
        return "watch"
    return "get" if name else "list"
