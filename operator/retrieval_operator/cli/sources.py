"""Arguments that several commands share: the object, the devices, the model's folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval_operator.cli import devices
from retrieval_operator.cli.documents import BadFile, read_services
from retrieval_operator.facts.fetching import HttpFetch
from retrieval_operator.facts.hub import DEFAULT_ENDPOINT, Hub
from retrieval_operator.facts.lookup import Look, facts_for
from retrieval_operator.inventory.node import Inventory
from retrieval_operator.local.beside import beside
from retrieval_operator.plan.ask import ask_of
from retrieval_operator.plan.objective import pods_in_time
from retrieval_operator.plan.planner import plan
from retrieval_operator.plan.result import Plan, Refusal
from retrieval_operator.plan.seats import Waits, Wanted, waiting
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import RetrievalService
from retrieval_operator.spec.support import Unsupported, unsupported

Answers = Mapping[ComponentName, Plan | Refusal]


@dataclass(frozen=True, slots=True)
class Planned:
    """One object of the input, what this version cannot do of it, and the planner's answers.

    `waits` are the components that have a plan and no device left beside the others.
    """

    service: RetrievalService
    has_namespace: bool
    gaps: tuple[Unsupported, ...]
    answers: Answers
    folders: Mapping[ComponentName, Path]
    waits: Mapping[ComponentName, Waits]

    @property
    def plans(self) -> dict[ComponentName, Plan]:
        """The components that have a plan."""
        return {name: answer for name, answer in self.answers.items() if isinstance(answer, Plan)}

    @property
    def is_refused(self) -> bool:
        """Whether anything of it cannot be done."""
        return bool(self.gaps or self.waits) or len(self.plans) < len(self.answers)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shared arguments."""
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        metavar="FILE",
        help="RetrievalService as YAML or JSON, or a folder of them; - is standard input; may be "
        "repeated",
    )
    parser.add_argument(
        "-n",
        "--namespace",
        help="namespace of objects that name none; others have to be of this one",
    )
    devices.add_arguments(parser)
    parser.add_argument(
        "--model-path",
        action="append",
        default=[],
        metavar="[COMPONENT=]DIR",
        help="checkpoint folder to read the model's facts from; `run` serves the weights in it",
    )
    parser.add_argument(
        "--hub",
        nargs="?",
        const=os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT,
        metavar="URL",
        help="ask a hub about hf:// models that are not listed; without URL: $HF_ENDPOINT, or "
        f"{DEFAULT_ENDPOINT}",
    )


def read_plans(args: argparse.Namespace) -> tuple[Planned, ...]:
    """Plan every component of every object that the arguments name.

    Raises:
        AuthorError: A file, a product or a folder is not what it should be.
    """
    if not args.filename:
        raise BadFile("-f", "name a RetrievalService: -f FILE, a folder, or - for standard input")
    services = tuple(_in_namespace(one, args) for one in read_services(args.filename))
    inventory = devices.read_inventory(args)
    folders = _folders(args.model_path, services)
    look = Hub(HttpFetch(), args.hub).facts if args.hub else None
    return tuple(_planned(service, inventory, folders, look) for service in services)


def _has_namespace(service: RetrievalService) -> bool:
    return "namespace" in service.metadata.model_fields_set


def _in_namespace(service: RetrievalService, args: argparse.Namespace) -> RetrievalService:
    """The object in the namespace of `-n`, as `kubectl apply -n` takes it."""
    wanted, metadata = args.namespace, service.metadata
    if wanted is None or (wanted == metadata.namespace and _has_namespace(service)):
        return service
    if _has_namespace(service):
        raise BadFile(metadata.name, f"is of namespace {metadata.namespace}, and -n says {wanted}")
    placed = metadata.model_copy(update={"namespace": wanted})
    return service.model_copy(update={"metadata": placed})


def _planned(
    service: RetrievalService,
    inventory: Inventory,
    folders: Mapping[ComponentName, Path],
    look: Look | None,
) -> Planned:
    answers: dict[ComponentName, Plan | Refusal] = {}
    wanted, there = [], inventory
    for component in service.spec.components:
        ask = ask_of(service.spec, component)
        folder = folders.get(component.name) or _own_folder(component.model.uri)
        facts = facts_for(component, folder, look)
        answers[component.name] = answer = plan(ask, facts, inventory)
        if isinstance(answer, Plan):
            inventory = beside(answer, inventory)
            wanted.append(Wanted(ask, max(1, pods_in_time(component))))
    waits = {one.component: one for one in waiting(wanted, there)}
    has_namespace, gaps = _has_namespace(service), unsupported(service)
    return Planned(service, has_namespace, gaps, answers, folders, waits)


def _own_folder(uri: str) -> Path | None:
    """The folder that a file:// address names on this machine, where there is one."""
    scheme, _, path = uri.partition("://")
    return Path(path) if scheme == "file" and Path(path).is_dir() else None


def _folders(
    written: Iterable[str], services: Iterable[RetrievalService]
) -> dict[ComponentName, Path]:
    present = {component.name for service in services for component in service.spec.components}
    folders = {}
    for argument in written:
        name, equals, path = argument.partition("=")
        if equals and name in set(ComponentName):
            folders[ComponentName(name)] = Path(path)
        elif len(present) == 1:
            folders[next(iter(present))] = Path(argument)
        else:
            raise BadFile(argument, "say whose: embedder=DIR or reranker=DIR")
    return folders
