"""Results as one HTML page that needs nothing else: tables, and plots drawn into the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from retrieval_bench.plots import Plot, plots, svg
from retrieval_bench.report import Sheet, each, overview
from retrieval_bench.results import Result

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
.plots { display: grid; gap: 1rem;
         grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); }
.plots img { background: #fff; width: 100%; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8886; padding: .2rem .7rem; text-align: right; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
.wide th, .wide td { white-space: nowrap; }
p { font-size: .85rem; margin: .2rem 0; opacity: .75; overflow-wrap: anywhere; }
"""
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'


def page(results: Sequence[Result]) -> str:
    """The page for these results."""
    tables = [_table(sheet) for sheet in (*overview(results), *each(results))]
    images = [_image(plot) for plot in plots(results)]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><meta charset="utf-8">{_VIEWPORT}<title>retrieval-bench</title>',
            f"<style>{_STYLE}</style>",
            "<h1>retrieval-bench</h1>",
            '<div class="plots">',
            *images,
            "</div>",
            *tables,
            "</html>\n",
        ]
    )


def _table(sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(header)}</th>" for header in sheet.headers)
    rows = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in sheet.rows
    ]
    notes = [f"<p>{escape(note)}</p>" for note in sheet.notes]
    title = f"<h2>{escape(sheet.title)}</h2>"
    shape = '<div class="table"><table class="wide">' if len(sheet.headers) > 2 else "<div><table>"
    return "\n".join([title, f"{shape}<tr>{head}</tr>", *rows, "</table></div>", *notes])


def _image(plot: Plot) -> str:
    data = base64.b64encode(svg(plot)).decode()
    return f'<img alt="{escape(plot.title)}" src="data:image/svg+xml;base64,{data}">'
