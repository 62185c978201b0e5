"""Manifests as the YAML that people read and `kubectl apply` takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from retrieval_operator.render.context import Manifest


class _Plain(yaml.SafeDumper):
    """Writes a value that occurs twice twice: anchors are hard to read and to patch."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Never refer back."""
        return True


def to_yaml(documents: Iterable[Manifest]) -> str:
    """The documents in their order, keys in theirs."""
    text: str = yaml.dump_all(
        list(documents), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100
    )
    return text
