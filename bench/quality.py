"""What search finds: nDCG@10, recall@100 and latency of each kind of index and each pipeline.

    python bench/quality.py --vaswani FOLDER     the Vaswani NPL collection, as TREC files
    python bench/quality.py --docstrings [N]     known items of the standard library, N queries

Everything is real and goes over HTTP: an embedder and a reranker on the built-in model, an index
built by `retrieval index build`, a search service asked one query at a time. `--vectors FOLDER`
keeps them for another run. With `--check` the targets for MiniLM on Vaswani are held to.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import labelled

KINDS = ("Flat", "IVF_SQ8", "HNSW_SQ8", "IVF_RABITQ")
TARGETS = {"dense, Flat": 0.43, "dense and words": 0.48, "then reranked": 0.50}
_PORTS = 18700
_DEPTH = 100

DENSE = {"fusion": {"weights": {"dense": 1, "words": 0}}, "rerank": False}
WORDS = {"fusion": {"weights": {"dense": 0, "words": 1}}, "rerank": False}
FUSED = {"rerank": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    ndcg_at_10: float
    recall_at_100: float
    p50_ms: float


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    args = _arguments()
    collection = _collection(args)
    with ExitStack() as stack:
        folder = args.vectors or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measuring = _measure(stack, folder, collection)
        rows = [next(measuring)]  # once everything is built and runs
        print(f"\n{collection.name}, {len(collection.queries)} queries\n")
        print("| pipeline | nDCG@10 | recall@100 | p50 ms |\n|---|---|---|---|")
        _print(rows[0])
        for row in measuring:
            rows.append(row)
            _print(row)
    return _verdict(rows) if args.check else 0


def _print(row: Row) -> None:
    figures = f"{row.ndcg_at_10:.3f} | {row.recall_at_100:.3f} | {row.p50_ms:.1f}"
    print(f"| {row.name} | {figures} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--vaswani", type=Path)
    chosen.add_argument("--docstrings", type=int, nargs="?", const=200)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def _collection(args: argparse.Namespace) -> labelled.Collection:
    if args.vaswani:
        return labelled.vaswani(args.vaswani)
    whole = labelled.docstrings()
    step = max(1, len(whole.queries) // args.docstrings)
    queries = dict(list(whole.queries.items())[::step])
    return labelled.Collection(whole.name, whole.texts, queries, whole.judged)


def _measure(stack: ExitStack, folder: Path, collection: labelled.Collection) -> Iterator[Row]:
    embedder = stack.enter_context(_predictor("embedder", _PORTS))
    index = folder / "index"
    for number, kind in enumerate(KINDS, 1):
        if not (index / "versions" / str(number)).exists():
            _build(folder, index, collection, embedder, kind)
    reranker = stack.enter_context(_predictor("reranker", _PORTS + 10))
    _use(index, 1)
    search = stack.enter_context(_search(index, embedder, reranker, _PORTS + 20))
    yield _asked(search, collection, "words (BM25)", WORDS)
    for number, kind in enumerate(KINDS, 1):
        _serve_version(search, index, number)
        yield _asked(search, collection, f"dense, {kind}", DENSE)
        if kind.startswith("IVF"):
            yield _asked(search, collection, f"dense, {kind}, 8 lists", {**DENSE, "effort": 8})
    _serve_version(search, index, 1)
    yield _asked(search, collection, "dense and words", FUSED)
    dbsf = {**FUSED, "fusion": {"method": "dbsf"}}
    yield _asked(search, collection, "dense and words, DBSF", dbsf)
    yield _asked(search, collection, "then reranked", {})


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], url: str) -> Iterator[str]:
    process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603
    try:
        for _ in range(6000):
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            try:
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _predictor(component: str, port: int) -> Any:
    environment = {
        "RETRIEVAL_COMPONENT": component,
        "RETRIEVAL_HTTP_PORT": str(port),
        "RETRIEVAL_GRPC_PORT": str(port + 1),
        "RETRIEVAL_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "retrieval_predictor"]
    return _process(command, environment, f"http://127.0.0.1:{port}")


def _search(index: Path, embedder: str, reranker: str, port: int) -> Any:
    command = [sys.executable, "-m", "retrieval_search.commands.serve", "serve"]
    command += ["--index", str(index), "--embedder", embedder, "--reranker", reranker]
    command += ["--port", str(port)]
    quiet = {"RETRIEVAL_LOG_LEVEL": "error", "RETRIEVAL_LOOK_S": "0.2"}
    return _process(command, quiet, f"http://127.0.0.1:{port}")


def _build(
    folder: Path, index: Path, collection: labelled.Collection, embedder: str, kind: str
) -> None:
    source = folder / "passages.jsonl"
    with source.open("w", encoding="utf-8") as lines:
        for key, text in collection.texts.items():
            lines.write(json.dumps({"id": key, "text": text}) + "\n")
    _index("build", source, "--index", index, "--embedder", embedder, "--kind", kind, "--keep",
           "--total", len(collection.texts))  # fmt: skip


def _use(index: Path, version: int) -> None:
    _index("use", index, version)


def _index(*arguments: object) -> None:
    command = [sys.executable, "-m", "retrieval_search.commands.index", *map(str, arguments)]
    subprocess.run(command, check=True)  # noqa: S603


def _serve_version(search: str, index: Path, version: int) -> None:
    _use(index, version)
    while httpx.get(f"{search}/health", timeout=60).json()["version"] != version:
        time.sleep(0.1)


def _asked(search: str, collection: labelled.Collection, name: str, fields: Any) -> Row:
    ndcg, recall, taken_ms = [], [], []
    with httpx.Client(base_url=search, timeout=120) as client:
        for key, text in collection.queries.items():
            body = {"query": text, "top_k": _DEPTH, "candidates": _DEPTH, **fields}
            answer = client.post("/v1/search", json=body).raise_for_status().json()
            found = [one["id"] for one in answer["results"]]
            grades = collection.judged.get(key, {})
            ndcg.append(ndcg_at(10, found, grades))
            recall.append(len(grades.keys() & set(found)) / max(len(grades), 1))
            taken_ms.append(answer["stages_ms"]["total"])
    count = len(ndcg)
    return Row(name, sum(ndcg) / count, sum(recall) / count, sorted(taken_ms)[count // 2])


def ndcg_at(depth: int, found: Sequence[str], grades: Mapping[str, int]) -> float:
    """Discounted gain of the first results over that of the best order (Järvelin, Kekäläinen)."""
    gains = [grades.get(one, 0) for one in found[:depth]]
    best = sorted(grades.values(), reverse=True)[:depth]
    return _gain(gains) / (_gain(best) or 1.0)


def _gain(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


def _verdict(rows: Sequence[Row]) -> int:
    found = {row.name: row.ndcg_at_10 for row in rows}
    missed = [name for name, least in TARGETS.items() if found[name] < least]
    for name in missed:
        print(f"missed: {name}: {found[name]:.3f}, wanted {TARGETS[name]}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
