"""plan(ask, facts, inventory) -> Plan | Refusal: total, deterministic, explained. Pure.

The order is the order of dependence: how long an input, where it runs at which precision beside
which workers, how large a batch fits and pays, and what the pod needs beside.
"""

from __future__ import annotations

from dataclasses import replace

from retrieval_operator.facts.lookup import similar_names
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.inventory.node import Inventory
from retrieval_operator.plan import batching, capacity, host
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.memory import Load
from retrieval_operator.plan.remedies import remedies
from retrieval_operator.plan.result import Budget, Decision, Plan, Reason, Refusal, Refused
from retrieval_operator.plan.site import Site, cpu_site, gpu_site
from retrieval_operator.plan.sizes import gi


def plan(ask: Ask, facts: ModelFacts | None, inventory: Inventory) -> Plan | Refusal:
    """What to run for one component, or why nothing fits and which changes would.

    `facts` None means that nothing is known about the model.
    """
    answer = decide(ask, facts, inventory)
    if isinstance(answer, Plan) or facts is None:
        return answer
    return replace(answer, remedies=remedies(ask, facts, inventory, answer, decide))


def decide(ask: Ask, facts: ModelFacts | None, inventory: Inventory) -> Plan | Refusal:
    """The plan, or the refusal before its remedies are looked for."""
    if facts is None:
        return _unknown_model(ask)
    try:
        longest = batching.input_tokens(ask, facts)
        if ask.gpu is not None:
            site = gpu_site(ask, ask.gpu, facts, longest.value, inventory)
        else:
            site = cpu_site(ask, facts, longest.value, inventory)
        return _sized(ask, facts, site, longest)
    except Refused as refused:
        return refused.refusal


def _sized(ask: Ask, facts: ModelFacts, site: Site, longest: Decision[int]) -> Plan:
    def load(tokens: int) -> Load:
        return Load(facts, site.precision.value, tokens, longest.value)

    def budget(tokens: int) -> Budget:
        """Of the memory that limits the batch."""
        return site.device_budget(load(tokens)) or _host(ask, site, load(tokens))

    batch = batching.batch_tokens(
        ask, site.aim, longest.value, site.long_speed, lambda tokens: budget(tokens).fits
    )
    if batch is None:
        least = ask.max_batch_tokens or longest.value
        raise Refused(_does_not_fit(ask, site, load(least), budget(least)))
    full = load(batch.value)
    sizes = batching.Sizes(
        input_tokens=longest,
        batch_tokens=batch,
        batch_texts=batching.batch_size(ask, facts, batch.value, longest.value),
        queue_tokens=_queue(ask, site, full),
    )
    return _plan(ask, site, full, sizes)


def _queue(ask: Ask, site: Site, load: Load) -> Decision[int]:
    batch = load.max_batch_tokens
    rate = site.long_speed.tokens_s(batch)
    return batching.queue_tokens(ask, site.aim, batch, load.max_input_tokens, rate)


def _host(ask: Ask, site: Site, load: Load) -> Budget:
    return site.host_budget(load, _queue(ask, site, load).value)


def _plan(ask: Ask, site: Site, load: Load, sizes: batching.Sizes) -> Plan:
    memory = site.host_budget(load, sizes.queue_tokens.value)
    if not memory.fits:
        raise Refused(_host_too_small(ask, load, memory))
    return Plan(
        component=ask.component,
        facts=load.facts,
        device=site.label,
        basis=site.basis,
        gpu_resource=site.resource,
        gpu_memory_cap_bytes=site.cap_bytes,
        precision=site.precision,
        max_input_tokens=sizes.input_tokens,
        max_batch_tokens=sizes.batch_tokens,
        max_batch_size=sizes.batch_texts,
        max_queue_tokens=sizes.queue_tokens,
        workers=site.workers,
        threads=site.threads,
        cpu_millicores=site.cores,
        memory_bytes=host.pod_memory(ask, memory),
        gpu_memory=site.device_budget(load),
        memory=memory,
        estimate=capacity.estimate(ask.component, site, sizes),
        notes=(*site.notes, *_model_notes(ask, load.facts)),
    )


def _model_notes(ask: Ask, facts: ModelFacts) -> tuple[str, ...]:
    if facts.is_pickled and not ask.allow_pickle:
        return (
            f"{facts.name} ships pickled weights only: set {ask.path}.model.allowPickle to true",
        )
    return ()


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


def _unknown_model(ask: Ask) -> Refusal:
    near = similar_names(ask.uri)
    hint = (f"did you mean hf://{near[0]}?",) if near else ()
    copy = (
        "give a downloaded copy with --model-path DIR; its config.json and safetensors header are "
        "read, not its weights"
    )
    return Refusal(
        ask.component,
        Reason.UNKNOWN_MODEL,
        f"nothing is known about {ask.uri}: it is not in the table of known models, and its "
        "config.json is not at hand",
        advice=(*hint, copy),
    )
