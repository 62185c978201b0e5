"""`retrieval run -f FILE`: serve a RetrievalService on this machine, without a cluster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

import aiohttp
from rich.console import Console

from retrieval_operator.cli import sources
from retrieval_operator.cli.documents import BadFile
from retrieval_operator.cli.view import view
from retrieval_operator.local.greeting import FIRST_QUERIES, ask
from retrieval_operator.local.launch import DEFAULT_PORT_BASE, Launch, launches
from retrieval_operator.local.predictors import Predictor, require_free
from retrieval_operator.spec.choices import ComponentName

_COLOURS: Final = {ComponentName.EMBEDDER: "cyan", ComponentName.RERANKER: "magenta"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    sources.add_arguments(parser)
    parser.add_argument(
        "--port-base",
        type=int,
        default=DEFAULT_PORT_BASE,
        metavar="PORT",
        help="the embedder's HTTP port; the reranker's is ten above; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; 1 when a component is refused or ends by itself."""
    console = Console(highlight=False, soft_wrap=True)
    planned = sources.read_plans(args)
    if len(planned) != 1:
        raise BadFile(", ".join(args.filename), f"has {len(planned)} objects, run takes one")
    (one,) = planned
    if one.is_refused:
        console.print(view(planned))
        return 1
    if find_spec("retrieval_predictor") is None:
        raise BadFile("retrieval_predictor", "not installed here; it is the extra 'predictor'")
    chosen = launches(one.service, one.plans, args.port_base, one.folders)
    require_free(chosen)
    return asyncio.run(_serve(chosen, console))


async def _serve(chosen: Sequence[Launch], console: Console) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def say(launch: Launch, line: str) -> None:
        colour = _COLOURS[launch.name]
        console.print(f"[{colour}]{launch.name.value:8}[/] │ ", end="")
        console.print(line, markup=False)

    predictors = [await Predictor.start(launch, say) for launch in chosen]
    try:
        return await _until_stopped(predictors, stop, console)
    finally:
        console.print("stopping …")
        await asyncio.gather(*(predictor.stop() for predictor in predictors))


async def _until_stopped(
    predictors: Sequence[Predictor], stop: asyncio.Event, console: Console
) -> int:
    """0 when asked to stop, 1 when a predictor ended by itself."""
    asked = asyncio.create_task(stop.wait())
    ends = [asyncio.create_task(predictor.ended()) for predictor in predictors]
    greeting = asyncio.create_task(_greet(predictors, console))
    done, _ = await asyncio.wait({asked, *ends}, return_when=asyncio.FIRST_COMPLETED)
    greeting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await greeting
    if asked in done:
        return 0
    asked.cancel()
    print("a predictor ended; its last lines above say why", file=sys.stderr)
    return 1


async def _greet(predictors: Sequence[Predictor], console: Console) -> None:
    """Wait until all are ready, then show where they are and a first answer of each."""
    names = " and ".join(predictor.launch.name.value for predictor in predictors)
    async with aiohttp.ClientSession() as session:
        console.print(f"loading {names} …")
        with console.status("the first start takes longest"):
            await asyncio.gather(*(predictor.ready(session) for predictor in predictors))
        console.print()
        for predictor in predictors:
            console.print(_where(predictor.launch))
        for predictor in predictors:
            query = FIRST_QUERIES[predictor.launch.name]
            console.print(f"\n$ {query.curl(predictor.launch)}", markup=False)
            console.print(await ask(session, predictor.launch), markup=False)
    console.print("\nserving; Ctrl-C stops\n")


def _where(launch: Launch) -> str:
    plan = launch.plan
    return (
        f"[bold]{launch.name.value:8}[/]  {launch.url}  gRPC localhost:{launch.grpc_port}  "
        f"{plan.precision.value.value} on {plan.device}, "
        f"batches of {plan.max_batch_tokens.value} tokens"
    )
