"""One component on one kind of device: everything decided before the size of a batch. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrieval_operator.devices import Device
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.inventory.node import Inventory
from retrieval_operator.plan import host
from retrieval_operator.plan.aim import CPU_AIMS, GPU_AIMS, Aim
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.cost import Speed, cpu_speed, gpu_speed
from retrieval_operator.plan.memory import Load, device_terms, host_terms
from retrieval_operator.plan.place import CpuPlace, GpuPlace, cpu_place, gpu_place
from retrieval_operator.plan.precision import cpu_precision, gpu_precision
from retrieval_operator.plan.result import Budget, Decision
from retrieval_operator.plan.texts import short_tokens, typical_tokens
from retrieval_operator.spec.choices import Precision


@dataclass(frozen=True, slots=True)
class Site:
    """Where a component runs, at which precision and speed, beside how many workers.

    `device` is None on a CPU; `gpus` of it go to a pod. `device_bytes` and `host_bytes` are what a
    pod may take of each GPU and of main memory; None where nobody says.
    """

    label: str
    basis: str
    aim: Aim
    device: Device | None
    gpus: int
    resource: str | None
    device_bytes: int
    cap_bytes: int
    host_bytes: int | None
    host_basis: str
    precision: Decision[Precision]
    workers: Decision[int]
    threads: Decision[int]
    cores: Decision[int]
    long_speed: Speed
    short_speed: Speed
    notes: tuple[str, ...]

    def device_budget(self, load: Load) -> Budget | None:
        """The budget of one GPU for this load; None on a CPU."""
        if self.device is None:
            return None
        return Budget(device_terms(load, self.device), self.device_bytes, self.basis)

    def host_budget(self, load: Load, queue_tokens: int) -> Budget:
        """The budget of the pod's main memory."""
        terms = host_terms(
            load,
            gpus=self.gpus,
            workers=self.workers.value,
            queue_tokens=queue_tokens,
            threads=self.threads.value,
        )
        return Budget(terms, self.host_bytes, self.host_basis)


def gpu_site(ask: Ask, gpu: GpuAsk, facts: ModelFacts, longest: int, inventory: Inventory) -> Site:
    """The component on the smallest GPU that its pods can land on.

    Raises:
        Refused: No device, or none that has the precision.
    """
    place = gpu_place(ask, gpu, inventory)
    precision = gpu_precision(ask, facts, place)

    def speed(tokens: int) -> Speed:
        return gpu_speed(place.device, facts, precision.value, tokens)

    long_speed, short_speed = _speeds(ask, longest, speed)
    room = host.gpu_worker_room(ask, place)
    workers = _workers(ask, longest, (long_speed, short_speed), room, place.count)
    host_bytes, host_basis = _host_memory(ask, place.host_memory_bytes, "the node's part per GPU")
    return Site(
        label=place.device.product if place.count == 1 else _several(place),
        basis=place.basis,
        aim=GPU_AIMS[ask.profile],
        device=place.device,
        gpus=place.count,
        resource=place.resource,
        device_bytes=place.memory_bytes,
        cap_bytes=place.cap_bytes,
        host_bytes=host_bytes,
        host_basis=host_basis,
        precision=precision,
        workers=workers,
        threads=host.gpu_threads(),
        cores=host.gpu_cores(ask, place, workers.value),
        long_speed=long_speed,
        short_speed=short_speed,
        notes=place.notes,
    )


def cpu_site(ask: Ask, facts: ModelFacts, longest: int, inventory: Inventory) -> Site:
    """The component on the cores of a node.

    Raises:
        Refused: No node takes the pod, or the CPU lacks the precision.
    """
    place = cpu_place(ask, inventory)
    precision = cpu_precision(ask, place)
    cores = host.cpu_cores(ask, place)
    full = _cpu_speeds(ask, facts, place, precision.value, longest, max(1, cores.value // 1000))
    workers = _workers(ask, longest, full, host.cpu_worker_room(cores.value))
    threads = host.cpu_threads(cores.value, workers.value)
    long_speed, short_speed = _cpu_speeds(
        ask, facts, place, precision.value, longest, threads.value
    )
    host_bytes, host_basis = _host_memory(ask, place.memory_bytes, place.basis)
    return Site(
        label=f"CPU, {cores.value / 1000:g} cores",
        basis=place.basis,
        aim=CPU_AIMS[ask.profile],
        device=None,
        gpus=0,
        resource=None,
        device_bytes=0,
        cap_bytes=0,
        host_bytes=host_bytes,
        host_basis=host_basis,
        precision=precision,
        workers=workers,
        threads=threads,
        cores=cores,
        long_speed=long_speed,
        short_speed=short_speed,
        notes=place.notes,
    )


def _cpu_speeds(
    ask: Ask, facts: ModelFacts, place: CpuPlace, precision: Precision, longest: int, cores: int
) -> tuple[Speed, Speed]:
    return _speeds(
        ask, longest, lambda tokens: cpu_speed(place.features, cores, facts, precision, tokens)
    )


def _speeds(ask: Ask, longest: int, speed: Callable[[int], Speed]) -> tuple[Speed, Speed]:
    """Speed with long documents, and with short texts."""
    return speed(typical_tokens(longest)), speed(short_tokens(ask.component, longest))


def _several(place: GpuPlace) -> str:
    return f"{place.count} × {place.device.product}"


def _workers(
    ask: Ask, longest: int, speeds: tuple[Speed, Speed], room: int, engines: int = 1
) -> Decision[int]:
    """Workers for all engines; `speeds` are those of one, with long and with short texts."""
    long_s, short_s = (engines * speed.peak_tokens_s for speed in speeds)
    return host.workers(ask, long_s, short_s / short_tokens(ask.component, longest), most=room)


def _host_memory(ask: Ask, offered: int | None, basis: str) -> tuple[int | None, str]:
    limit = ask.memory_limit_bytes
    if limit is not None and (offered is None or limit <= offered):
        return limit, f"{ask.path}.resources.limits.memory"
    return offered, basis
