"""Whether a live object already says everything that a manifest says. Pure.

Only our fields count: what others added is theirs. A list is ours as a whole, as server-side apply
has it for the lists we render, but for owners: each is an entry of its own there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_OWNERS: Final = "ownerReferences"


def covers(live: Any, wanted: Any) -> bool:
    """Whether applying `wanted` to `live` would change nothing."""
    if isinstance(wanted, Mapping):
        found = live if isinstance(live, Mapping) else {}
        return all(
            _owns(found.get(name), value) if name == _OWNERS else covers(found.get(name), value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        items = live if isinstance(live, list) else []
        return len(items) == len(wanted) and all(map(covers, items, wanted))
    return bool(live == wanted)


def _owns(live: Any, wanted: Any) -> bool:
    """Whether every owner that is wanted is among those there are, by uid."""
    found = {one.get("uid"): one for one in live or ()}
    return all(covers(found.get(one.get("uid")), one) for one in wanted)


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Different for different manifests."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
