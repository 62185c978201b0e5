"""`/docs`: the OpenAPI document as one page that needs no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from retrieval_predictor.edge.fields import rows

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { border-top: 1px solid #ccc; padding-top: 1rem }
code, pre { font-family: ui-monospace, monospace }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto } dt { font-weight: 600 }
h2 code { overflow-wrap: anywhere }
nav a { display: inline-block; margin: 0 1rem .3rem 0 }
.fields { overflow-x: auto } table { border-collapse: collapse }
th, td { border-bottom: 1px solid #8884; padding: .2rem .7rem .2rem 0; text-align: left }
dl { display: grid; grid-template-columns: 4rem 1fr; margin: 0 } dd { margin: 0 }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: #ddd } pre { background: #222 }
}
"""


def page(document: dict[str, Any], address: str) -> str:
    """The page for people; `address` is the server's, for examples that can be pasted."""
    title = escape(document["info"]["title"])
    shown = sorted(
        (
            (path, method.upper(), operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ),
        key=_rank,
    )
    operations = [part for one in shown for part in _operation(*one, address)]
    links = " ".join(
        f"<a href='#{_anchor(path, method)}'><code>{method} {escape(path)}</code></a>"
        for path, method, _ in shown
    )
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
            "<meta name=viewport content='width=device-width, initial-scale=1'>",
            f"<style>{_STYLE}</style><h1>{title}</h1>",
            "<p>For tools: <a href=/openapi.json>openapi.json</a>.</p>",
            f"<nav>{links}</nav>",
            *operations,
            "</html>",
        ]
    )


def _operation(path: str, method: str, operation: dict[str, Any], address: str) -> Iterator[str]:
    heading = f"<h2 id='{_anchor(path, method)}'><code>{method} {escape(path)}</code></h2>"
    yield f"{heading}<p>{escape(operation['summary'])}</p>"
    sent = _example(operation.get("requestBody", {}))
    if sent is not None:
        known = {one["name"]: one["example"] for one in operation["parameters"]}
        yield _pre(f"curl -s {address}{path.format_map(known)} -d '{json.dumps(sent)}'")
    yield _fields(operation.get("requestBody", {}))
    shown = _example(operation["responses"]["200"])
    if shown is not None:
        yield _pre(json.dumps(shown, indent=2, ensure_ascii=False))
    statuses = "".join(
        f"<dt>{status}<dd>{escape(response['description'])}"
        for status, response in operation["responses"].items()
    )
    yield f"<details><summary>Statuses</summary><dl>{statuses}</dl></details>"


def _rank(one: tuple[str, str, dict[str, Any]]) -> tuple[bool, bool]:
    """What computes first, then what shows something; versions, which no model has, last."""
    path, method, _ = one
    return "{version}" in path, method != "POST"


def _anchor(path: str, method: str) -> str:
    return f"{method}{path}".replace("/", "-").translate({ord("{"): None, ord("}"): None})


def _fields(body: dict[str, Any]) -> str:
    """The fields of a body with their types and bounds."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(bounds)}"
        for name, kind, bounds in rows(schema)
    )
    table = f"<table><tr><th>field<th>type<th>bounds{lines}</table>"
    return f"<div class=fields>{table}</div>" if lines else ""


def _example(part: dict[str, Any]) -> Any:
    return part.get("content", {}).get("application/json", {}).get("example")


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
