"""Plans and refusals as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from retrieval_operator.cli import printing
from retrieval_operator.cli.sources import Planned
from retrieval_operator.cli.verdict import verdict
from retrieval_operator.plan.objective import BurstVerdict
from retrieval_operator.plan.result import Budget, By, Estimate, Plan, Refusal
from retrieval_operator.plan.rows import rows
from retrieval_operator.plan.seats import Waits
from retrieval_operator.plan.sizes import GIB, gi

_BAR_CELLS = 40
_INDENT = (0, 0, 1, 2)


def show(planned: Iterable[Planned], stream: TextIO) -> None:
    """Print the tables."""
    printing.show(view(planned), stream)


def view(planned: Iterable[Planned]) -> RenderableType:
    """Everything that was planned, one section a component."""
    return Group(*(section for one in planned for section in _sections(one)))


def _sections(planned: Planned) -> Iterator[RenderableType]:
    metadata = planned.service.metadata
    for gap in planned.gaps:
        yield Text.assemble(("not supported  ", "bold red"), str(gap))
    for name, answer in planned.answers.items():
        title = f"{metadata.namespace}/{metadata.name} {name.value}"
        uri = getattr(planned.service.spec, name.value).model.uri
        if isinstance(answer, Refusal):
            yield from _refusal(title, uri, answer)
        else:
            yield _heading(title, uri, answer, planned.waits.get(name))
            yield from _plan(answer, verdict(planned.service, answer))


def _heading(title: str, uri: str, plan: Plan, waits: Waits | None) -> RenderableType:
    """One line; a pod that fits a device, and finds none left, does not fit."""
    if waits is None:
        return Text.assemble((title, "bold"), "  ", uri, ("  fits  ", "bold green"), plan.device)
    word = ("  waits  ", "bold yellow")
    return Text.assemble((title, "bold"), "  ", uri, word, f"{plan.device}; {waits}")


def _plan(plan: Plan, objective: BurstVerdict | None) -> Iterator[RenderableType]:
    yield from _list("note", plan.notes, "bold yellow")
    if objective is not None:
        style = "bold green" if objective.is_met else "bold red"
        yield from _list("objective", (objective.message,), style)
    yield Padding(_decisions(plan), _INDENT)
    if plan.gpu_memory is not None:
        yield Padding(_budget("GPU memory", plan.gpu_memory), _INDENT)
    yield Padding(_budget("main memory", plan.memory), _INDENT)
    yield Padding(_estimate(plan.estimate, plan), _INDENT)


def _refusal(title: str, uri: str, refusal: Refusal) -> Iterator[RenderableType]:
    yield Text.assemble(
        (title, "bold"), "  ", uri, ("  refused  ", "bold red"), refusal.reason.value
    )
    yield Padding(Text(refusal.message), _INDENT)
    if refusal.budget is not None:
        yield Padding(_budget("memory", refusal.budget), _INDENT)
    yield from _list("would fit", (remedy.text for remedy in refusal.remedies))
    yield from _list("otherwise" if refusal.remedies else "try", refusal.advice)


def _decisions(plan: Plan) -> Table:
    table = _table("decision", "value", "by", "why")
    table.columns[1].justify = "right"
    for field, decision, text in rows(plan):
        style = "bold" if decision.by is By.SET else ""
        table.add_row(field, Text(text, style="bold"), Text(decision.by.value, style), decision.why)
    return table


def _budget(name: str, budget: Budget) -> RenderableType:
    table = _table(name, "Gi", "basis")
    table.columns[1].justify = "right"
    for term in budget.terms:
        table.add_row(term.name, f"{term.bytes / GIB:.2f}", Text(term.basis, "dim"))
    table.add_section()
    table.add_row(Text("total", "bold"), Text(f"{budget.total_bytes / GIB:.2f}", "bold"), "")
    return Group(table, _bar(budget))


def _bar(budget: Budget) -> Text:
    if budget.available_bytes is None:
        return Text(f" {gi(budget.total_bytes)}; how much there is is not known", "dim")
    share = budget.total_bytes / max(1, budget.available_bytes)
    filled = min(_BAR_CELLS, max(1, round(share * _BAR_CELLS)))
    colour = "green" if budget.fits else "red"
    missing = "" if budget.fits else f", {gi(budget.missing_bytes)} too little"
    return Text.assemble(
        " ",
        ("█" * filled, colour),
        ("░" * (_BAR_CELLS - filled), "dim"),
        f" {gi(budget.total_bytes)} of {gi(budget.available_bytes)} ({share:.0%}){missing}  ",
        (budget.basis, "dim"),
    )


def _estimate(estimate: Estimate, plan: Plan) -> Table:
    low, high = estimate.spread
    table = _table("estimate, not measured", f"true: {low:g} to {high:g} times that", "")
    kind = "query-document pairs" if plan.component.value == "reranker" else "queries"
    table.add_row(
        f"{rounded(estimate.tokens_per_s)} tokens/s",
        f"documents of {estimate.text_tokens} tokens",
        Text(estimate.basis, "dim"),
    )
    texts, burst = rounded(estimate.texts_per_s), rounded(estimate.burst_texts)
    table.add_row(f"{texts} {kind}/s", f"of {estimate.short_tokens} tokens", "")
    table.add_row(f"{burst} {kind}", "largest burst of one second, 90 % within 3 s", "")
    table.add_row(f"{estimate.batch_s * 1e3:.0f} ms", "a full batch", "")
    return table


def _list(heading: str, lines: Iterable[str], style: str = "bold") -> Iterator[RenderableType]:
    for line in lines:
        yield Padding(Text.assemble((f"{heading}: ", style), line), (0, 0, 0, 3))


def rounded(value: int) -> str:
    """An estimate with the two digits that it is good for."""
    places = 2 - len(str(value))
    return f"{round(value, min(0, places)):,}"


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
