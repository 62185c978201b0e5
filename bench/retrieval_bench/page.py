"""Results as one HTML page that needs nothing else: tables, and plots drawn into the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from retrieval_bench.plots import Plot, plots, svg
from retrieval_bench.report import Sheet, sheets
from retrieval_bench.results import Result

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .8rem; text-align: right; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
p { color: #555; font-size: .85rem; margin: .2rem 0; overflow-wrap: anywhere; }
img { max-width: 100%; }
"""


def page(results: Sequence[Result]) -> str:
    """The page for these results."""
    tables = [_table(sheet) for result in results for sheet in sheets(result)]
    images = [_image(plot) for plot in plots(results)]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><meta charset="utf-8"><title>retrieval-bench</title>',
            f"<style>{_STYLE}</style>",
            "<h1>retrieval-bench</h1>",
            *images,
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
    return "\n".join([title, f"<table><tr>{head}</tr>", *rows, "</table>", *notes])


def _image(plot: Plot) -> str:
    data = base64.b64encode(svg(plot)).decode()
    return f'<img alt="{escape(plot.title)}" src="data:image/svg+xml;base64,{data}">'
