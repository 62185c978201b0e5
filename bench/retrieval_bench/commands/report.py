"""`report`: results from files on one page, or as one picture."""

from __future__ import annotations

from retrieval_bench.errors import BadCommand
from retrieval_bench.orders import ReportOrder
from retrieval_bench.page import page
from retrieval_bench.plots import plots, png
from retrieval_bench.results import load


def report(order: ReportOrder) -> None:
    """Write the page or the picture.

    Raises:
        UnreadableResult: A file holds no result of this version.
        BadCommand: The suffix of the output is neither .html nor .png.
    """
    results = [load(path) for path in order.results]
    match order.output.suffix:
        case ".html":
            order.output.write_text(page(results))
        case ".png":
            order.output.write_bytes(png(plots(results)))
        case suffix:
            raise BadCommand(f"{order.output} ends in {suffix!r}; write .html or .png")
