"""`retrieval index`: build, verify, info, use and bench an index. Also `retrieval-index`.

Exit status: 0 done, 1 it was refused, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from retrieval_predictor.errors import StartupError
from retrieval_search import blas
from retrieval_search.index.manifest import Kind
from retrieval_search.index.terms import LANGUAGES
from retrieval_search.services.connection import Service
from retrieval_search.services.embedder import Embedder, Protocol

REFUSED = 1
_KEY_VARIABLE = "RETRIEVAL_EMBEDDER_KEY"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    os.environ.update(blas.every_core(os.environ, blas.cpu_flags()))  # before FAISS is loaded
    run: Callable[[argparse.Namespace], int] = _COMMANDS[args.command]
    try:
        return run(args)
    except* StartupError as group:
        sys.stderr.write(f"{_first(group)}\n")
    except* KeyboardInterrupt:
        sys.stderr.write("\nstopped; the same command goes on from the last shard\n")
    return REFUSED


def _first(group: BaseExceptionGroup[StartupError]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


def _build(args: argparse.Namespace) -> int:
    from retrieval_search.build.building import Order, build  # noqa: PLC0415  (FAISS loads slowly)
    from retrieval_search.build.progress import Progress  # noqa: PLC0415
    from retrieval_search.passages.chunking import Chunking  # noqa: PLC0415

    order = Order(
        source=args.source,
        index=args.index,
        chunking=Chunking(args.max_tokens, args.overlap_tokens),
        kind=args.kind,
        language=args.language,
        shard_passages=args.shard_passages,
        requests=args.requests,
        is_served=not args.aside,
        restart=args.restart,
        keep=args.keep,
        total=args.total,
    )

    async def run() -> None:
        embedder = _embedder(args)
        try:
            await build(order, embedder, Progress(sys.stderr, order.total))
        finally:
            await embedder.service.close()

    asyncio.run(run())
    return 0


def _embedder(args: argparse.Namespace) -> Embedder:
    service = Service(args.embedder, os.environ.get(_KEY_VARIABLE))
    return Embedder(service, args.embedder_model, args.embedder_protocol)


def _verify(args: argparse.Namespace) -> int:
    from retrieval_search.index import files  # noqa: PLC0415  (FAISS loads slowly)
    from retrieval_search.index.version import open_version  # noqa: PLC0415

    folder = _folder(args)
    version = open_version(folder)
    files.check_sums(folder, version.manifest.files)
    sys.stdout.write(
        f"version {version.manifest.version}: {len(version.manifest.files)} files, "
        f"{version.manifest.size_bytes:,} bytes, as published\n"
    )
    return 0


def _info(args: argparse.Namespace) -> int:
    from retrieval_search.commands.info import describe  # noqa: PLC0415  (as above)

    sys.stdout.write(describe(args.index))
    return 0


def _use(args: argparse.Namespace) -> int:
    from retrieval_search.index.shelf import Shelf  # noqa: PLC0415  (as above)

    Shelf(args.index).serve(args.version)
    sys.stdout.write(f"version {args.version} is served\n")
    return 0


def _bench(args: argparse.Namespace) -> int:
    from retrieval_search.commands.speed import measure  # noqa: PLC0415  (as above)

    sys.stdout.write(measure(_folder(args), args.seconds))
    return 0


def _folder(args: argparse.Namespace) -> Path:
    from retrieval_search.index.shelf import Shelf  # noqa: PLC0415  (as above)

    shelf = Shelf(args.index)
    return shelf.path(args.version or shelf.current())


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "build": _build,
    "verify": _verify,
    "info": _info,
    "use": _use,
    "bench": _bench,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retrieval index", description="Make and look at an index of passages."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_build(commands.add_parser("build", help="passages to a new version of an index"))
    for name, summary in (
        ("verify", "read every file of a version and compare it with its manifest"),
        ("bench", "searches a second of a version on this machine"),
    ):
        one = commands.add_parser(name, help=summary)
        one.add_argument("index", type=Path, help="folder of the index")
        one.add_argument("--version", type=int, help="a version; without it the served one")
        if name == "bench":
            one.add_argument("--seconds", type=float, default=2.0, help="time for each row")
    info = commands.add_parser("info", help="the versions of an index and what they hold")
    info.add_argument("index", type=Path, help="folder of the index")
    use = commands.add_parser("use", help="serve another version, newer or older")
    use.add_argument("index", type=Path, help="folder of the index")
    use.add_argument("version", type=int, help="its number")
    return parser


def _add_build(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", type=Path, help="a .jsonl or .parquet file, or a folder of text and Markdown")
    add("--index", type=Path, required=True, help="folder of the index; made where there is none")
    add("--embedder", required=True, metavar="URL", help="address of the running embedder")
    add("--embedder-model", default="embedder", help="name of its model")
    add("--embedder-protocol", type=Protocol, choices=list(Protocol), default=Protocol.V2)
    add("--kind", type=Kind, choices=list(Kind), help="without it: Flat up to 200,000, then IVF")
    add(
        "--language",
        default="english",
        choices=LANGUAGES,
        metavar="LANGUAGE",
        help="whose words are reduced to stems: " + ", ".join(LANGUAGES),
    )
    add("--max-tokens", type=int, default=200, help="longest passage cut out of a document")
    add("--overlap-tokens", type=int, default=30, help="what a passage repeats of the one before")
    add("--shard-passages", type=int, default=4096, help="passages that a kill may cost")
    add("--requests", type=int, default=4, help="requests under way to the embedder")
    add("--total", type=int, help="passages of the source, to show the time left")
    add("--aside", action="store_true", help="publish the version and leave the served one")
    add("--keep", action="store_true", help="leave the vectors: the next kind needs none anew")
    add("--restart", action="store_true", help="throw an unfinished build away first")


if __name__ == "__main__":
    sys.exit(main())
