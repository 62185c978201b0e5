"""`/docs`: the OpenAPI document as one page that needs no script and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { border-top: 1px solid #ccc; padding-top: 1rem }
code, pre { font-family: ui-monospace, monospace }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto } dt { font-weight: 600 }
dl { display: grid; grid-template-columns: 4rem 1fr; margin: 0 } dd { margin: 0 }
@media (prefers-color-scheme: dark) {
  body { background: #111; color: #ddd } pre { background: #222 }
}
"""


def page(document: dict[str, Any], address: str) -> str:
    """The page for people; `address` is the server's, for examples that can be pasted."""
    title = escape(document["info"]["title"])
    operations = [
        part
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for part in _operation(path, method.upper(), operation, address)
    ]
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
            f"<style>{_STYLE}</style><h1>{title}</h1>",
            "<p>For tools: <a href=/openapi.json>openapi.json</a>.</p>",
            *operations,
            "</html>",
        ]
    )


def _operation(path: str, method: str, operation: dict[str, Any], address: str) -> Iterator[str]:
    yield f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
    sent = _example(operation.get("requestBody", {}))
    if sent is not None:
        known = {one["name"]: one["example"] for one in operation["parameters"]}
        yield _pre(f"curl -s {address}{path.format_map(known)} -d '{json.dumps(sent)}'")
    shown = _example(operation["responses"]["200"])
    if shown is not None:
        yield _pre(json.dumps(shown, indent=2, ensure_ascii=False))
    statuses = "".join(
        f"<dt>{status}<dd>{escape(response['description'])}"
        for status, response in operation["responses"].items()
    )
    yield f"<details><summary>Statuses</summary><dl>{statuses}</dl></details>"


def _example(part: dict[str, Any]) -> Any:
    return part.get("content", {}).get("application/json", {}).get("example")


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
