"""Figures as a table for a terminal: a column for each component."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retrieval_operator.cli.top_figures import Figures

NOTHING: Final = "–"
_GIB: Final = 2**30
_BAR_CELLS: Final = 10
_MODEL_CHARACTERS: Final = 32

Seen = Figures | str
"""What one look brought: figures, or why there are none."""


def view(seen: Mapping[str, Seen], interval_s: float) -> RenderableType:
    """The table of all components, by name, and below it why some do not answer."""
    table = Table(box=None, padding=(0, 2), header_style="bold", show_edge=False)
    table.add_column(f"last {interval_s:g} s", style="dim", no_wrap=True)
    for name in seen:
        table.add_column(name, justify="right", no_wrap=True)
    for label, cell in _LINES:
        table.add_row(label, *("" if isinstance(one, str) else cell(one) for one in seen.values()))
    silent = ((name, one) for name, one in seen.items() if isinstance(one, str))
    return Group(table, *(Text(f"  {name}: no answer, {why}", "red") for name, why in silent))


def seconds(value: float | None) -> str:
    """A duration with three digits: `7.25 ms`, `1.20 s`."""
    if value is None:
        return NOTHING
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def count(value: float | None) -> str:
    """A number with thousands set apart, and a decimal where it is small."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:,.1f}"


def _model(one: Figures) -> str:
    name = one.model.rpartition("//")[2] or NOTHING
    return f"{name[-_MODEL_CHARACTERS:]} {one.precision}"


def _state(one: Figures) -> Text:
    return Text("ready", "green") if one.is_ready else Text("loading", "yellow")


def _pair(first: float | None, second: float | None) -> str:
    return f"{seconds(first)} / {seconds(second)}"


def _batch(one: Figures) -> str:
    return f"{count(one.batch_tokens)} of {one.max_batch_tokens:,.0f}" if one.is_ready else NOTHING


def _busy(one: Figures) -> Text:
    filled = min(_BAR_CELLS, round(one.busy_ratio * _BAR_CELLS))
    colour = "green" if one.busy_ratio < 0.8 else "yellow"
    bar = (("█" * filled, colour), ("░" * (_BAR_CELLS - filled), "dim"))
    return Text.assemble(*bar, f" {one.busy_ratio:4.0%}")


def _memory(one: Figures) -> Text:
    memory = one.memory
    used = f"{memory.kind} {memory.measured_bytes / _GIB:.2f} Gi"
    total = "" if memory.total_bytes is None else f", device {memory.total_bytes / _GIB:.0f} Gi"
    if not memory.planned_bytes:
        return Text(used + total)
    share = memory.measured_bytes / memory.planned_bytes
    planned = f" of {memory.planned_bytes / _GIB:.2f} planned"
    return Text.assemble(used, planned, (f" ({share:.0%})", "red" if share > 1 else ""), total)


def _per_s(value: float, colour: str = "red") -> Text:
    return Text(count(value), colour if value else "")


def _hits(one: Figures) -> str:
    return NOTHING if one.hit_ratio is None else f"{one.hit_ratio:.0%}"


_LINES: Final[tuple[tuple[str, Callable[[Figures], str | Text]], ...]] = (
    ("model", _model),
    ("state", _state),
    ("requests/s", lambda one: count(one.requests_per_s)),
    ("duration p50 / p99", lambda one: _pair(one.p50_s, one.p99_s)),
    ("queue wait p50 / p99", lambda one: _pair(one.wait_p50_s, one.wait_p99_s)),
    ("tokenise, mean", lambda one: seconds(one.tokenise_mean_s)),
    ("forward pass, mean", lambda one: seconds(one.forward_mean_s)),
    ("texts a batch", lambda one: count(one.batch_texts)),
    ("tokens a batch", _batch),
    ("tokens/s", lambda one: count(one.tokens_per_s)),
    ("engine busy", _busy),
    ("tokens waiting", lambda one: count(one.queue_tokens)),
    ("cache hits", _hits),
    ("not computed/s", lambda one: _per_s(one.refused_per_s, "yellow")),
    ("faults/s (5xx)", lambda one: _per_s(one.failed_per_s)),
    ("out-of-memory retries", lambda one: _per_s(one.oom_retries)),
    ("memory", _memory),
)
