"""Whether a live object already says everything that a manifest says. Pure.

Only our fields count: what others added is theirs. A list is ours as a whole, as server-side apply
has it for the lists we render.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def covers(live: Any, wanted: Any) -> bool:
    """Whether applying `wanted` to `live` would change nothing."""
    if isinstance(wanted, Mapping):
        found = live if isinstance(live, Mapping) else {}
        return all(covers(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        items = live if isinstance(live, list) else []
        return len(items) == len(wanted) and all(map(covers, items, wanted))
    return bool(live == wanted)


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Different for different manifests."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
