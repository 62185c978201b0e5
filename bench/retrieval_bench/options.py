"""The words that each command takes, as argparse declares them; what they mean comes later."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentParser
from pathlib import Path

from retrieval_bench.dialects import NAMES

DEFAULT_DURATION_S = 10.0


def run_options(parser: ArgumentParser) -> None:
    """Declare the words of `run`."""
    _target_options(parser)
    _load_options(parser)
    _rule_options(parser)
    _bench_options(parser)


def search_options(parser: ArgumentParser) -> None:
    """Declare the words of `search`."""
    parser.add_argument("by", choices=("burst", "rate"), help="what to enlarge")
    _target_options(parser)
    _rule_options(parser)
    _bench_options(parser)
    add = parser.add_argument_group("search").add_argument
    add("--start", type=_positive, metavar="X", default=64, help="first load (64)")
    add(
        "--ceiling", type=_positive, metavar="X", default=65_536, help="largest load to try (65536)"
    )
    add("--step", type=_positive, metavar="X", default=1, help="smallest change of the load (1)")
    add(
        "--resolution",
        type=_positive,
        metavar="X",
        default=0.02,
        help="relative gap to stop at (0.02)",
    )
    add(
        "--confirmations",
        type=_count,
        metavar="N",
        default=3,
        help="times the result must pass (3)",
    )
    add(
        "--probe-duration",
        type=_positive,
        metavar="S",
        default=10,
        help="seconds at each rate (10)",
    )


def compare_options(parser: ArgumentParser) -> None:
    """Declare the words of `compare`."""
    parser.add_argument(
        "--target",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "URL"),
        help="[dialect= model= pid= template= answer= input_name=]; ratios are to the first",
    )
    parser.add_argument(
        "--rounds", type=_count, metavar="N", default=7, help="loads on each target (7)"
    )
    parser.add_argument(
        "--header", type=_header, metavar="H", action="append", default=[], help="'NAME: VALUE'"
    )
    _load_options(parser)
    _rule_options(parser)
    _bench_options(parser)


def ceiling_options(parser: ArgumentParser) -> None:
    """Declare the words of `ceiling`."""
    dialects = ("openai", "openai-base64")
    parser.add_argument("--dialect", choices=dialects, default="openai", help="form of the answers")
    parser.add_argument(
        "--dimensions", type=_count, metavar="N", default=384, help="numbers in a vector (384)"
    )
    parser.add_argument(
        "--concurrency", type=_count, metavar="N", default=32, help="connections (32)"
    )
    parser.add_argument(
        "--duration", type=_positive, metavar="S", default=DEFAULT_DURATION_S, help="seconds"
    )
    _bench_options(parser)


def agree_options(parser: ArgumentParser) -> None:
    """Declare the words of `agree`."""
    parser.add_argument(
        "--target",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "URL"),
        help="[dialect= model= template= answer= input_name=]; twice",
    )
    parser.add_argument(
        "--header", type=_header, metavar="H", action="append", default=[], help="'NAME: VALUE'"
    )
    parser.add_argument(
        "--requests", type=_count, metavar="N", default=300, help="requests to compare (300)"
    )
    parser.add_argument(
        "--least",
        type=float,
        metavar="X",
        help="status 1 below this cosine, or above this difference of scores",
    )
    _bench_options(parser)


def report_options(parser: ArgumentParser) -> None:
    """Declare the words of `report`."""
    parser.add_argument("results", type=Path, nargs="+", help="files written with -o")
    parser.add_argument("-o", "--output", type=Path, required=True, help="page.html or plots.png")


def _target_options(parser: ArgumentParser) -> None:
    parser.add_argument("url", help="http://, https:// or grpc://; a path replaces the dialect's")
    add = parser.add_argument_group("target").add_argument
    add("--name", help="name in reports (host and port)")
    add("--dialect", metavar="NAME", default="openai", help=f"(openai) {', '.join(NAMES)}")
    add("--model", help="model name (asked of the server, else embedder or reranker)")
    add(
        "--pid",
        type=_count,
        metavar="N",
        action="append",
        default=[],
        help="root process, for CPU figures",
    )
    add("--template", type=_text, help='custom: JSON body, or @file, e.g. {"inputs": "{texts}"}')
    add("--answer", default="", help="custom: way to the numbers, e.g. data.*.embedding")
    add("--input-name", default="text", help="oip: name of the input tensor (text)")
    add(
        "--header",
        type=_header,
        metavar="H",
        action="append",
        default=[],
        help="'NAME: VALUE', repeatable",
    )


def _load_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("load")
    kinds = group.add_mutually_exclusive_group().add_argument
    kinds("--concurrency", type=_count, metavar="N", help="closed loop: connections (8)")
    kinds("--rate", type=_positive, metavar="X", help="open loop: requests/s at even distances")
    kinds(
        "--poisson", type=_positive, metavar="X", help="open loop: requests/s at random distances"
    )
    kinds(
        "--burst", type=_count, metavar="N", help="open loop: this many requests within one second"
    )
    group.add_argument("--requests", type=_count, metavar="N", help="end after this many requests")
    group.add_argument(
        "--duration", type=_positive, metavar="S", help="end after this many seconds (10)"
    )


def _rule_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("objective").add_argument
    add("--within", type=_positive, metavar="S", help="seconds (a burst: 3)")
    add(
        "--quantile",
        type=_quantile,
        metavar="Q",
        help="share answered within them (0.9; rates: 0.99)",
    )
    add("--allow-rejections", action="store_true", help="429 is an orderly answer, not an error")


def _bench_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("requests and client").add_argument
    add("--workload", default="q8", help="q8, d100 (words a text), mix (20 to 200), lognormal")
    add("--corpus", type=Path, help="own texts, one a line, in place of --workload")
    add("--texts", type=_count, metavar="N", default=1, help="texts in a request (1)")
    add(
        "--distinct",
        type=_count,
        metavar="N",
        help="repeat after this many requests, to load caches (never)",
    )
    add("--seed", type=_natural, metavar="N", help="of texts and times (a new one each time)")
    add(
        "--timeout",
        type=_positive,
        metavar="S",
        default=30.0,
        help="seconds until a request has failed (30)",
    )
    add(
        "--warmup",
        type=_natural,
        metavar="N",
        default=64,
        help="requests before the measurement (64)",
    )
    add(
        "--client-processes",
        type=_count,
        metavar="N",
        default=_client_processes(),
        help="by cores, 1 to 4",
    )
    add("--no-verify", action="store_true", help="do not compare answers with lone requests")
    add("-o", "--output", type=Path, help="write the result as JSON, - for standard output")


def _client_processes() -> int:
    """One client process for every four cores, at most four, so that the server keeps the rest."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // 4))


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def _natural(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return int(text)


def _positive(text: str) -> float:
    if not float(text) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return float(text)


def _quantile(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 1")
    return float(text)


def _text(text: str) -> str:
    return Path(text[1:]).read_text() if text.startswith("@") else text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{name!r} is no header; write 'NAME: VALUE'")
    return name.strip(), value.strip()
