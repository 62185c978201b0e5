"""What a person sees: a progress bar while a load runs, tables when it is over.

Everything goes to standard error, so that standard output can carry a result as JSON.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from retrieval_bench.arrivals import Arrivals, Burst, Stop, describe


class Screen:
    """A terminal, or whatever stands in for one."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def show(self, renderable: RenderableType) -> None:
        """Print a table or a line."""
        self._console.print(renderable)

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self._console.print(text, markup=False, highlight=False)

    @contextlib.contextmanager
    def progress(
        self, name: str, arrivals: Arrivals, stop: Stop
    ) -> Iterator[Callable[[int], None]]:
        """A bar for one load; call what is yielded with the number of requests that are over.

        The bar moves by requests where their number is known, else by time.
        """
        requests = arrivals.requests if isinstance(arrivals, Burst) else stop.requests
        began_s = time.monotonic()
        with self._bars() as bars:
            total = requests or stop.duration_s
            bar = bars.add_task(f"{name}: {describe(arrivals)}", total=total, done=0)

            def show(done: int) -> None:
                completed = done if requests else time.monotonic() - began_s
                bars.update(bar, completed=completed, done=done)

            yield show

    def _bars(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]} requests"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
