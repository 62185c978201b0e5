"""Read a `/metrics` page."""

from __future__ import annotations

import re

import psutil

from tests.support.processes import Predictor


def metric(page: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    total = 0.0
    for line in page.splitlines():
        match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            total += float(match[2])
    return total


def workers(predictor: Predictor) -> list[int]:
    """The API workers' process ids, without those that have died."""
    lines = predictor.get("/metrics").text.splitlines()
    shown = {int(line.split('"')[1]) for line in lines if 'process="api"' in line}
    return sorted(filter(psutil.pid_exists, shown))


def pids(predictor: Predictor) -> dict[str, str]:
    """The processes' ids by their part."""
    line = r'retrieval_process_memory_bytes\{pid="(\d+)",process="(\w+)"\}'
    return {part: pid for pid, part in re.findall(line, predictor.get("/metrics").text)}
