"""plan(ask, facts, inventory) -> Plan | Refusal: total, deterministic, explained. Pure.

The order is the order of dependence: how long an input, where it runs at which precision beside
which workers, how large a batch fits and pays, and what the pod needs beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retrieval_operator.facts.lookup import similar_names
from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.inventory.node import Inventory
from retrieval_operator.plan import batching, capacity, host
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.kinds import kinds_for
from retrieval_operator.plan.memory import Load
from retrieval_operator.plan.remedies import remedies
from retrieval_operator.plan.result import Budget, Decision, Plan, Reason, Refusal, Refused, Room
from retrieval_operator.plan.site import Site, cpu_site, gpu_site
from retrieval_operator.plan.sizes import gi


def plan(ask: Ask, facts: ModelFacts | Unknown | None, inventory: Inventory) -> Plan | Refusal:
    """What to run for one component, or why nothing fits and which changes would.

    `facts` Unknown or None means that nothing is known about the model.
    """
    if facts is None or isinstance(facts, Unknown):
        return _unknown_model(ask, facts)
    answer = decide(ask, facts, inventory)
    if isinstance(answer, Plan):
        return replace(answer, kinds=kinds_for(answer, ask, inventory))
    return replace(answer, remedies=remedies(ask, facts, inventory, answer, decide))


def decide(ask: Ask, facts: ModelFacts, inventory: Inventory) -> Plan | Refusal:
    """The plan, or the refusal before its remedies are looked for."""
    try:
        _check_weights(ask, facts)
        longest = batching.input_tokens(ask, facts)
        if ask.gpu is not None:
            site = gpu_site(ask, ask.gpu, facts, longest.value, inventory)
        else:
            site = cpu_site(ask, facts, longest.value, inventory)
        return _sized(ask, facts, site, longest)
    except Refused as refused:
        return refused.refusal


def _sized(ask: Ask, facts: ModelFacts, site: Site, longest: Decision[int]) -> Plan:
    sizes = _sizes(ask, facts, site, longest)
    if sizes is None:
        least = _load(facts, site, longest, ask.max_batch_tokens or longest.value)
        raise Refused(_does_not_fit(ask, site, least, _budget(ask, site, least)))
    planned = _sizes(batching.without_limits(ask), facts, site, longest) or sizes
    room = batching.larger(sizes.room, planned.room)
    if not _fits(_load(facts, site, longest, room.batch_tokens), site, room):
        room = sizes.room
    load = _load(facts, site, longest, room.batch_tokens)
    memory = site.host_budget(load, room.queue_tokens)
    if not memory.fits:
        raise Refused(_host_too_small(ask, load, memory))
    return _plan(ask, site, load, sizes, room)


def _sizes(
    ask: Ask, facts: ModelFacts, site: Site, longest: Decision[int]
) -> batching.Sizes | None:
    """The limits of batch and queue, or None where not even the smallest batch fits."""

    def fits(tokens: int) -> bool:
        return _budget(ask, site, _load(facts, site, longest, tokens)).fits

    batch = batching.batch_tokens(ask, site.aim, longest.value, site.long_speed, fits)
    if batch is None:
        return None
    return batching.Sizes(
        input_tokens=longest,
        batch_tokens=batch,
        batch_texts=batching.batch_size(ask, facts, batch.value, longest.value),
        queue_tokens=_queue(ask, site, _load(facts, site, longest, batch.value)),
    )


def _load(facts: ModelFacts, site: Site, longest: Decision[int], tokens: int) -> Load:
    return Load(facts, site.precision.value, tokens, longest.value)


def _budget(ask: Ask, site: Site, load: Load) -> Budget:
    """Of the memory that limits the batch."""
    queue_tokens = _queue(ask, site, load).value
    return site.device_budget(load) or site.host_budget(load, queue_tokens)


def _fits(load: Load, site: Site, room: Room) -> bool:
    device = site.device_budget(load)
    return (device is None or device.fits) and site.host_budget(load, room.queue_tokens).fits


def _queue(ask: Ask, site: Site, load: Load) -> Decision[int]:
    batch = load.max_batch_tokens
    rate = site.long_speed.tokens_s(batch)
    return batching.queue_tokens(ask, site.aim, batch, load.max_input_tokens, rate)


def _plan(ask: Ask, site: Site, load: Load, sizes: batching.Sizes, room: Room) -> Plan:
    memory = site.host_budget(load, room.queue_tokens)
    return Plan(
        component=ask.component,
        facts=load.facts,
        device=site.label,
        basis=site.basis,
        gpu_resource=site.resource,
        gpu_memory_cap_bytes=site.cap_bytes,
        gpu_count=site.gpus,
        precision=site.precision,
        max_input_tokens=sizes.input_tokens,
        max_batch_tokens=sizes.batch_tokens,
        max_batch_size=sizes.batch_texts,
        max_queue_tokens=sizes.queue_tokens,
        max_queue_wait_s=batching.queue_wait_s(ask, site.aim),
        room=room,
        workers=site.workers,
        threads=site.threads,
        cpu_millicores=site.cores,
        cpu_request_millicores=host.cpu_request(ask, site.cores),
        memory_bytes=host.pod_memory(ask, memory),
        gpu_memory=site.device_budget(load),
        memory=memory,
        estimate=capacity.estimate(ask.component, site, sizes),
        notes=(*site.notes, *_room_notes(sizes, room)),
    )


def _room_notes(sizes: batching.Sizes, room: Room) -> tuple[str, ...]:
    if room.batch_tokens == sizes.batch_tokens.value:
        return ()
    tokens = room.batch_tokens
    return (
        f"sized for {tokens} tokens a batch: maxBatchTokens changes up to it without a restart",
    )


def _check_weights(ask: Ask, facts: ModelFacts) -> None:
    """Before anything is downloaded: a predictor would refuse them at the end of it.

    Raises:
        Refused: The weights are pickled, and the object does not allow that.
    """
    if facts.is_pickled and not ask.allow_pickle:
        message = f"{facts.name} ships pickled weights only, which run code when they are loaded"
        advice = (
            f"{ask.path}.model.allowPickle: true, if you trust its authors",
            f"{ask.path}.model.revision with one that has safetensors",
        )
        raise Refused(Refusal(ask.component, Reason.PICKLED, message, advice=advice))


def _does_not_fit(ask: Ask, site: Site, load: Load, budget: Budget) -> Refusal:
    return Refusal(
        ask.component,
        Reason.DOES_NOT_FIT,
        f"{load.facts.name} needs {gi(budget.total_bytes)} at {load.precision.value} with "
        f"{load.max_batch_tokens} tokens a batch; {site.label} offers "
        f"{gi(budget.available_bytes or 0)} ({budget.basis}), "
        f"{gi(budget.missing_bytes)} too little",
        budget=budget,
    )


def _host_too_small(ask: Ask, load: Load, budget: Budget) -> Refusal:
    return Refusal(
        ask.component,
        Reason.HOST_TOO_SMALL,
        f"{load.facts.name} needs {gi(budget.total_bytes)} of main memory beside the GPU; there "
        f"are {gi(budget.available_bytes or 0)} ({budget.basis}), "
        f"{gi(budget.missing_bytes)} too little",
        budget=budget,
    )


def _unknown_model(ask: Ask, unknown: Unknown | None) -> Refusal:
    near = similar_names(ask.uri)
    is_hub = ask.uri.startswith("hf://")
    hint = (f"did you mean hf://{near[0]}?",) if near and is_hub else ()
    why = unknown.why if unknown else f"nothing is known about {ask.uri}"
    return Refusal(
        ask.component,
        Reason.UNKNOWN_MODEL,
        f"{why}, so its memory and speed cannot be planned",
        advice=(
            *hint,
            *_looks(ask, near),
            f"give its sizes from config.json: {ask.path}.model.shape",
        ),
    )


def _looks(ask: Ask, near: Sequence[str]) -> Iterator[str]:
    """Where its sizes can be looked up; `retrieval` has the options, the operator asks a hub."""
    if ask.uri.startswith("hf://"):
        yield "let a hub be asked: `retrieval` with --hub, the operator with operator.hubLookup"
    else:
        yield "let `retrieval` read a copy: --model-path DIR"
    example = near[0] if near else "NAME, one that `retrieval models` lists"
    yield f"name a listed model of the same shape: {ask.path}.model.like: {example}"
