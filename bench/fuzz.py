"""Damage inputs of every reader of bytes, and print what they cost: `python bench/fuzz.py`.

Prints one JSON object: for each reader how many inputs were taken and refused and the CPU
milliseconds of the slowest, and the resident memory after a tenth of the inputs and at the end. An
input that is neither taken nor refused ends the run with its number.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.fuzzing import TARGETS, Target, run

_MIB = 1024 * 1024


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first input")
    arguments = parser.parse_args()
    first = {
        target.name: _part(target, arguments.seed, arguments.inputs // 10) for target in TARGETS
    }
    early_mib = _resident_mib()
    started_s = time.process_time()
    rest = {
        target.name: _part(
            target, arguments.seed + arguments.inputs // 10, arguments.inputs * 9 // 10
        )
        for target in TARGETS
    }
    memory = {"early_mib": early_mib, "end_mib": _resident_mib()}
    cpu = {"cpu_s": round(time.process_time() - started_s, 1)}
    print(json.dumps({"first": first, "rest": rest, **memory, **cpu}, indent=2))


def _part(target: Target, seed: int, count: int) -> dict[str, float]:
    outcome = run(target, count, seed)
    return {
        "taken": outcome.taken,
        "refused": outcome.refused,
        "slowest_ms": round(outcome.slowest_s * 1000, 2),
        "slowest": outcome.slowest,
    }


def _resident_mib() -> float:
    return round(psutil.Process().memory_info().rss / _MIB, 1)


if __name__ == "__main__":
    main()
