"""What to start for a planned service: one predictor a component, and on which ports (pure)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.render.environment import environment
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import RetrievalService

DEFAULT_PORT_BASE: Final = 8080
_PORT_OFFSETS: Final = {ComponentName.EMBEDDER: 0, ComponentName.RERANKER: 10}


@dataclass(frozen=True, slots=True)
class Launch:
    """One predictor process: its name, command, environment and ports."""

    name: ComponentName
    served_name: str
    plan: Plan
    command: tuple[str, ...]
    environment: Mapping[str, str]
    http_port: int
    grpc_port: int

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://localhost:{self.http_port}"


def launches(
    service: RetrievalService,
    plans: Mapping[ComponentName, Plan],
    port_base: int = DEFAULT_PORT_BASE,
    folders: Mapping[ComponentName, Path] | None = None,
) -> tuple[Launch, ...]:
    """A launch for each component; the reranker's ports are ten above the embedder's.

    `folders` holds checkpoints that are on this machine already, by component.
    """
    here = folders or {}
    made = []
    for component in service.spec.components:
        plan, port = plans[component.name], port_base + _PORT_OFFSETS[component.name]
        folder = here.get(component.name)
        variables = environment(component, plan, None if folder is None else str(folder))
        ports = {
            "RETRIEVAL_HTTP_PORT": str(port),
            "RETRIEVAL_GRPC_PORT": str(port + 1),
            "RETRIEVAL_LOG_FORMAT": "console",
        }
        made.append(
            Launch(
                name=component.name,
                served_name=component.served_name or component.name.value,
                plan=plan,
                command=(sys.executable, "-m", "retrieval_predictor"),
                environment={**variables, **ports},
                http_port=port,
                grpc_port=port + 1,
            )
        )
    return tuple(made)
