"""`retrieval top [URL …]`: watch running predictors: load, queue wait, batches and memory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import aiohttp
from rich.console import Console
from rich.live import Live

from retrieval_operator.cli.documents import BadFile, read_services
from retrieval_operator.cli.top_figures import figures
from retrieval_operator.cli.top_page import Page, read_page
from retrieval_operator.cli.top_view import Seen, view
from retrieval_operator.local.launch import DEFAULT_PORT_BASE
from retrieval_operator.spec.choices import ComponentName

PORT_OFFSETS: Final = MappingProxyType({ComponentName.EMBEDDER: 0, ComponentName.RERANKER: 10})
"""Where `retrieval run` puts the components' HTTP ports."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
_PIPE_WIDTH: Final = 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "url",
        nargs="*",
        metavar="URL",
        help="predictors to watch, such as http://localhost:8080; default: those of `run`",
    )
    parser.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        help="watch the components of this RetrievalService, started by `retrieval run`",
    )
    parser.add_argument(
        "--port-base",
        type=int,
        default=DEFAULT_PORT_BASE,
        metavar="PORT",
        help="the embedder's HTTP port; the reranker's is ten above; default: %(default)s",
    )
    parser.add_argument(
        "--interval-seconds",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="time between two looks, which rates are taken over; default: %(default)s",
    )
    parser.add_argument("--once", action="store_true", help="print one table and end")


def run(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C; with `--once`, 1 when a predictor does not answer.

    Raises:
        BadFile: The file holds no RetrievalService, or several.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_watch(targets(args), args, console))
    return 0


def targets(args: argparse.Namespace) -> dict[str, str]:
    """The address of each predictor to watch, by the name to show.

    Raises:
        BadFile: The file holds no RetrievalService, or several.
    """
    if args.url:
        return {url.partition("//")[2] or url: _address(url) for url in args.url}
    names = _components(args.filename) if args.filename else tuple(ComponentName)
    ports = {name: args.port_base + PORT_OFFSETS[name] for name in names}
    return {name.value: f"http://localhost:{port}" for name, port in ports.items()}


def _address(url: str) -> str:
    return (url if "//" in url else f"http://{url}").rstrip("/")


def _components(filename: str) -> tuple[ComponentName, ...]:
    services = read_services([filename])
    if len(services) != 1:
        raise BadFile(filename, f"has {len(services)} objects, top takes one")
    return tuple(component.name for component in services[0].spec.components)


async def _watch(watched: Mapping[str, str], args: argparse.Namespace, console: Console) -> int:
    interval_s = max(args.interval_seconds, 0.1)
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        before = await _look(session, watched)
        with Live(console=console, auto_refresh=False, transient=args.once) as live:
            while True:
                await asyncio.sleep(interval_s)
                after = await _look(session, watched)
                seen = compared(before, after)
                if args.once:
                    break
                live.update(view(seen, interval_s), refresh=True)
                before = after
    silent = {name: one for name, one in seen.items() if isinstance(one, str)}
    if len(silent) < len(seen):
        console.print(view(seen, interval_s))
    else:
        for name, why in silent.items():
            console.print(f"{name}: {why}", markup=False)
    return 1 if silent else 0


def compared(before: Mapping[str, Page | str], after: Mapping[str, Page | str]) -> dict[str, Seen]:
    """Figures of each predictor between two looks, or why there are none."""
    return {name: _between(before[name], page) for name, page in after.items()}


def _between(before: Page | str, after: Page | str) -> Seen:
    if isinstance(after, str):
        return after
    return figures(after if isinstance(before, str) else before, after)


async def _look(
    session: aiohttp.ClientSession, watched: Mapping[str, str]
) -> dict[str, Page | str]:
    pages = await asyncio.gather(*(_page(session, url) for url in watched.values()))
    return dict(zip(watched, pages, strict=True))


async def _page(session: aiohttp.ClientSession, url: str) -> Page | str:
    try:
        async with session.get(f"{url}/metrics") as answer:
            if answer.status != 200:
                return f"{url}/metrics answers {answer.status}"
            return read_page(await answer.text(), time.monotonic())
    except aiohttp.ClientConnectorError:
        return f"cannot connect to {url}"
    except TimeoutError:
        return f"nothing from {url} in {_TIMEOUT.total:g} s"
    except aiohttp.ClientError as error:
        return f"{url}: {error}"
    except ValueError as error:
        return f"{url}/metrics is not in Prometheus' text format: {error}"
