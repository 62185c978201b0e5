"""The reference page of RetrievalService, as Markdown, from the rows of `spec.fields`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from retrieval_operator.spec.fields import Field, checks, fields
from retrieval_operator.spec.rules import rules_of
from retrieval_operator.spec.service import API_VERSION, KIND, Metadata
from retrieval_operator.spec.support import gaps

_TWINS = (
    ("spec.embedder.", "spec.reranker."),
    ("status.components.embedder.", "status.components.reranker."),
)
_HEAD = ("| field | type | default | bounds | meaning |", "|---|---|---|---|---|")


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f"# {KIND}"
    yield ""
    yield f"Every field of `{API_VERSION}`, from the schema that the API server enforces."
    yield "`retrieval explain PATH` and `kubectl explain rsvc.PATH` print the same."
    yield "Whatever is said of the embedder holds for the reranker too, unless it has its own row."
    yield "A default of – means that the value is planned, or that nothing is set."
    yield ""
    yield "This page is written by `make generate`."
    yield from _fields("spec")
    yield from _rules()
    yield from _gaps()
    yield from _fields("status")


def _fields(root: str) -> Iterator[str]:
    yield from ("", f"## {root}", "", *_HEAD)
    for row in fields():
        if row.path.startswith(f"{root}.") and not _is_twin(row):
            yield _row(row)


def _row(row: Field) -> str:
    default = f"`{row.default}`" if row.default else "required" if row.is_required else "–"
    env = f" Predictor: `{row.env}`." if row.env else ""
    kind = row.kind.replace("|", "\\|")
    return f"| `{row.path}` | {kind} | {default} | {row.bounds or '–'} | {row.description}{env} |"


def _is_twin(row: Field) -> bool:
    """Whether the row says of the reranker what another row says of the embedder."""
    for first, second in _TWINS:
        if row.path.startswith(second):
            return replace(row, path=row.path.replace(second, first, 1), rules=()) in _bare_rows()
    return False


@cache
def _bare_rows() -> frozenset[Field]:
    return frozenset(replace(row, rules=()) for row in fields())


def _rules() -> Iterator[str]:
    yield from ("", "## Rules across fields", "")
    for rule in rules_of(Metadata):
        yield f"- `metadata{rule.at}`: {rule.summary}"
    for message, path in checks().items():
        yield f"- `{path}`: {message}"


def _gaps() -> Iterator[str]:
    yield from ("", "## Accepted by the schema, refused by this version", "")
    yield "An object that asks for one of these gets `Accepted=False` and this advice."
    yield from ("", "| field | value | instead |", "|---|---|---|")
    first, second = _TWINS[0]
    known = dict(gaps())
    for path, gap in known.items():
        if path.replace(second, first) == path or path.replace(second, first) not in known:
            yield f"| `{path}` | {gap.values} | {gap.remedy} |"
