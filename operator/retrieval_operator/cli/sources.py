"""Arguments that several commands share: the object, the devices, the model's folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval_operator.cli.documents import BadFile, read_documents, read_services
from retrieval_operator.facts.fetching import HttpFetch
from retrieval_operator.facts.hub import DEFAULT_ENDPOINT, Hub
from retrieval_operator.facts.lookup import Look, facts_for
from retrieval_operator.inventory.node import Inventory, Origin
from retrieval_operator.inventory.reading import BadInventory, nodes_of, product_node
from retrieval_operator.machine import this_machine
from retrieval_operator.plan.ask import ask_of
from retrieval_operator.plan.objective import Verdict, pods_in_time, verdict_of
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
    gaps: tuple[Unsupported, ...]
    answers: Answers
    folders: Mapping[ComponentName, Path]
    waits: Mapping[ComponentName, Waits]

    @property
    def plans(self) -> dict[ComponentName, Plan]:
        """The components that have a plan."""
        return {name: answer for name, answer in self.answers.items() if isinstance(answer, Plan)}

    @property
    def verdicts(self) -> dict[ComponentName, Verdict]:
        """Whether each planned component holds the object's objective; empty without one."""
        objective, plans = self.service.spec.objective, self.plans
        if objective is None:
            return {}
        halves = (half for half in self.service.spec.components if half.name in plans)
        return {half.name: verdict_of(objective, half, plans[half.name]) for half in halves}

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
        required=True,
        metavar="FILE",
        help="RetrievalService as YAML or JSON; - is standard input; may be repeated",
    )
    devices = parser.add_mutually_exclusive_group()
    devices.add_argument(
        "--node-labels",
        metavar="FILE",
        help="plan for these nodes: output of `kubectl get nodes -o yaml`, or maps of labels",
    )
    devices.add_argument(
        "--gpu",
        metavar="PRODUCT[:COUNT]",
        help="plan for a node with this GPU, such as NVIDIA-L4; default: this machine",
    )
    parser.add_argument(
        "--model-path",
        action="append",
        default=[],
        metavar="[COMPONENT=]DIR",
        help="checkpoint folder to read the model's facts from; its weights are not read",
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
    services = read_services(args.filename)
    inventory = read_inventory(args)
    folders = _folders(args.model_path, services)
    look = Hub(HttpFetch(), args.hub).facts if args.hub else None
    return tuple(_planned(service, inventory, folders, look) for service in services)


def read_inventory(args: argparse.Namespace) -> Inventory:
    """The devices that the arguments name; this machine's where they name none.

    Raises:
        BadFile: The node file cannot be read or holds no nodes.
        BadInventory: The product is not known.
    """
    if args.gpu is not None:
        return Inventory((product_node(args.gpu),), Origin.PRODUCT)
    if args.node_labels is None:
        return this_machine()
    documents = [item for item in read_documents(args.node_labels) if item is not None]
    try:
        return Inventory(nodes_of(documents), Origin.FILE)
    except BadInventory as error:
        raise BadFile(args.node_labels, str(error)) from error


def _planned(
    service: RetrievalService,
    inventory: Inventory,
    folders: Mapping[ComponentName, Path],
    look: Look | None,
) -> Planned:
    answers, wanted = {}, []
    for component in service.spec.components:
        ask = ask_of(service.spec, component)
        folder = folders.get(component.name) or _own_folder(component.model.uri)
        facts = facts_for(component, folder, look)
        answers[component.name] = plan(ask, facts, inventory)
        if isinstance(answers[component.name], Plan):
            wanted.append(Wanted(ask, max(1, pods_in_time(component))))
    waits = {one.component: one for one in waiting(wanted, inventory)}
    return Planned(service, unsupported(service), answers, folders, waits)


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
