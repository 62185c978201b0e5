"""A component's spec and plan as the predictor's environment: one name from field to variable.

The names are those of `retrieval_predictor.settings`; a contract test parses what is rendered here
with them. `retrieval run` starts local processes with the same variables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from retrieval_operator.plan.result import Plan
from retrieval_operator.spec.choices import Scoring
from retrieval_operator.spec.component import Component, Embedder, Reranker
from retrieval_operator.spec.env import env_name


def environment(component: Component, plan: Plan, model_path: str | None = None) -> dict[str, str]:
    """Every variable that follows from the object and its plan, in a fixed order.

    `model_path` is the folder that something else fills with the checkpoint. The limits of batch
    and queue are those in force; a pod gets `room_environment` over them and a file beside.
    """
    named = dict(_identity(component, model_path)) | dict(_planned(plan)) | dict(_asked(component))
    return {env_name(knob): value for knob, value in named.items()}


def room_environment(plan: Plan, limits_file: str) -> dict[str, str]:
    """The limits a pod starts with: as large as they may get without a restart.

    A pod warms up with these, so its memory is proven for every limit that `limits_file` may hold
    later. None of them changes when an author turns a limit down, or up again.
    """
    named = {
        "batching.maxBatchTokens": str(plan.room.batch_tokens),
        "batching.maxBatchSize": str(plan.room.batch_texts),
        "batching.maxQueueTokens": str(plan.room.queue_tokens),
        "batching.maxQueueWaitMilliseconds": "0",
        "batching.maxQueueDelayMilliseconds": "0",
        "limitsFile": limits_file,
    }
    return {env_name(knob): value for knob, value in named.items()}


def _identity(component: Component, model_path: str | None) -> Iterator[tuple[str, str]]:
    yield "component", component.name.value
    if component.served_name is not None:
        yield "servedName", component.served_name
    yield "model.uri", component.model.uri
    if component.model.revision is not None:
        yield "model.revision", component.model.revision
    if model_path is not None:
        yield "model.path", model_path
    if component.model.trust_remote_code:
        yield "model.trustRemoteCode", "true"
    if component.model.allow_pickle:
        yield "model.allowPickle", "true"


def _planned(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "precision", plan.precision.value.value
    yield "maxInputTokens", str(plan.max_input_tokens.value)
    yield "workers", str(plan.workers.value)
    yield "threads", str(plan.threads.value)
    yield "batching.maxBatchTokens", str(plan.max_batch_tokens.value)
    yield "batching.maxBatchSize", str(plan.max_batch_size.value)
    yield "batching.maxQueueTokens", str(plan.max_queue_tokens.value)
    yield "batching.maxQueueWaitMilliseconds", str(round(plan.max_queue_wait_s * 1000))
    yield "gpu.count", str(plan.gpu_count)
    if plan.gpu_memory_cap_bytes:
        yield "gpu.memoryBytes", str(plan.gpu_memory_cap_bytes)
    yield "plannedMemoryBytes", str(plan.device_memory.planned_bytes)


def _asked(component: Component) -> Iterator[tuple[str, str]]:
    delay = component.batching.max_queue_delay_milliseconds
    if delay:
        yield "batching.maxQueueDelayMilliseconds", str(delay)
    if isinstance(component, Embedder) and component.accept_token_ids:
        yield "acceptTokenIds", "true"
    if component.prompts:
        yield "prompts", json.dumps(dict(component.prompts), ensure_ascii=False, sort_keys=True)
    if isinstance(component, Reranker):
        if component.scoring is not Scoring.AUTO:
            yield "scoring", component.scoring.value
        if component.instruction is not None:
            yield "instruction", component.instruction
