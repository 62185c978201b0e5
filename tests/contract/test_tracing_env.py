"""The documented way to turn traces on reaches the predictor, and turns them on."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from retrieval_predictor.edge.tracing import wanted
from tests.support.rendering import variables

PAGE = Path("docs/observability.md")


def test_the_documented_object_turns_traces_on():
    (block,) = re.findall(r"## Traces.*?```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    environment = variables(yaml.safe_dump(yaml.safe_load(block)["spec"]))
    told = {name: value for name, value in environment.items() if isinstance(value, str)}
    assert wanted(told)
    assert told["OTEL_TRACES_SAMPLER_ARG"] == "0.01"
