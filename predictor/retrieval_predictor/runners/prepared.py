"""A model left ready in a folder, so that the process that serves it never imports torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval_predictor.wire.card import ModelCard

VERDICT, GRAPH, REFUSAL = "verdict.json", "model.xml", "refusal.txt"
"""What may lie in the folder: a verdict, the graph it is about, why the model cannot be served."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What serves a model on this CPU: its graph in OpenVINO, else PyTorch for the `reason`.

    `card` is that of the graph, None where none was tried. `special_tokens` are how many begin and
    end a text, where its score comes from its tokens' vectors, and None where the graph gives
    finished rows.
    """

    card: ModelCard | None
    is_graph: bool
    reason: str | None
    special_tokens: tuple[int, int] | None = None


def write(folder: Path, prepared: Prepared) -> None:
    """Leave the verdict in a folder; it is there whole or not at all."""
    started = folder / f"{VERDICT}.part"
    started.write_text(json.dumps(dataclasses.asdict(prepared)), encoding="utf-8")
    started.rename(folder / VERDICT)


def read(folder: Path) -> Prepared | None:
    """The verdict that an earlier process left; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    card, special = found.pop("card"), found.pop("special_tokens")
    if card:  # JSON has no tuples
        card |= {name: tuple(card[name]) for name in ("special_ids", "pooling")}
    return Prepared(
        card=ModelCard(**card) if card else None,
        special_tokens=tuple(special) if special else None,
        **found,
    )
