"""Memory of one predictor as named terms: on the device, and in the pod's main memory. Pure.

There is no term for a KV cache or for vocabulary logits: the predictor computes neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from retrieval_operator.devices import Device
from retrieval_operator.facts.family import Attention, Mlp
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.plan import footprint
from retrieval_operator.plan.result import (
    API_WORKERS,
    FURTHER_SLOTS,
    HEADROOM,
    QUEUE,
    RESULT_CACHE,
    Term,
)
from retrieval_operator.spec.choices import Precision

VALUE_BYTES: Final = {Precision.FP32: 4, Precision.FP16: 2, Precision.BF16: 2}
_SCORE_COPIES: Final = 2
_SCORE_BYTES: Final = 4
"""PyTorch's math attention holds scores and probabilities, in float32 whatever the inputs are.

Source: PyTorch aten/src/ATen/native/transformers/attention.cpp, _scaled_dot_product_attention_math.
"""
_STATISTIC_BYTES: Final = 4
_MASK_BYTES: Final = 10
"""Which token may see which: an int64 distance and two booleans for each pair."""
_ATTENTION: Final = "attention workspace"
_LONGEST: Final = "longest single input"


@dataclass(frozen=True, slots=True)
class Load:
    """One full batch of one model: what has to fit at its peak."""

    facts: ModelFacts
    precision: Precision
    max_batch_tokens: int
    max_input_tokens: int

    @property
    def value_bytes(self) -> int:
        """Bytes of one number."""
        return VALUE_BYTES[self.precision]


def device_terms(load: Load, device: Device) -> tuple[Term, ...]:
    """What the predictor takes of a GPU."""
    parts = (
        weights(load),
        Term("runtime context", footprint.CUDA_CONTEXT.bytes, footprint.CUDA_CONTEXT.basis),
        Term(
            "library workspaces", footprint.CUDA_WORKSPACES.bytes, footprint.CUDA_WORKSPACES.basis
        ),
        activations(load),
        *attention(load, device),
    )
    return (*parts, _headroom(parts, footprint.GPU_HEADROOM))


def host_terms(
    load: Load, *, gpus: int, workers: int, queue_tokens: int, threads: int = 1
) -> tuple[Term, ...]:
    """What the pod takes of main memory; on a CPU (no `gpus`) with weights and activations.

    Each GPU has an engine process of its own, with its own queue. The `threads` of a CPU compute
    batches side by side.
    """
    runtime = footprint.GPU_HOST_RUNTIME if gpus else footprint.CPU_ENGINE_RUNTIME
    engine = (_staging(load),) if gpus else _on_cpu(load, threads)
    engines = max(1, gpus)
    parts = (
        _each(engines, Term("engine runtime", runtime.bytes, runtime.basis)),
        *(_each(engines, term) for term in engine),
        _api_processes(workers),
        _each(engines, _queue(queue_tokens)),
        _each(
            engines,
            Term(RESULT_CACHE, footprint.RESULT_CACHE.bytes, footprint.RESULT_CACHE.basis),
        ),
    )
    return (*parts, _headroom(parts, footprint.HOST_HEADROOM))


def _on_cpu(load: Load, threads: int) -> tuple[Term, ...]:
    further, one = cpu_slots(load, threads) - 1, footprint.CPU_SLOT
    slots = Term(
        FURTHER_SLOTS,
        further * one.bytes,
        f"{further} × {one.bytes // footprint.MIB} MiB: {one.basis}",
    )
    return (weights(load), activations(load), *attention(load, None), slots)


def cpu_slots(load: Load, threads: int) -> int:
    """Batches that an engine computes side by side on so many threads, as the predictor has it."""
    return max(1, min(threads, load.max_batch_tokens // load.max_input_tokens))


def weights(load: Load) -> Term:
    """Parameters at the planned precision."""
    count = load.facts.parameters
    return Term(
        "weights",
        count * load.value_bytes,
        f"{count / 1e6:.1f} M parameters × {load.value_bytes} bytes ({load.precision.value})",
    )


def activations(load: Load) -> Term:
    """Values alive at the widest moment of a layer, for every token of a full batch."""
    values = live_values(load.facts)
    return Term(
        "activations",
        load.max_batch_tokens * values * load.value_bytes,
        f"{load.max_batch_tokens} tokens × {values} live values × {load.value_bytes} bytes",
    )


def live_values(facts: ModelFacts) -> int:
    """Numbers a token that are alive at once in the widest layer.

    Source: `retrieval_operator.facts.family`; embeddings, layer input and residual stay alive
    beside the MLP's intermediates (BERT: 2 × intermediate + 3 × hidden).
    """
    return max(_mlp_values(facts), _attention_values(facts))


def attention(load: Load, device: Device | None) -> tuple[Term, Term]:
    """What attention needs beyond the activations: for the batch, and for its longest text.

    `device` None is a CPU.
    """
    longest, batch = load.max_input_tokens, load.max_batch_tokens
    reason = _why_scores(load, device)
    if reason is None:
        statistic = batch * load.facts.dims.heads * _STATISTIC_BYTES
        why = "fused attention: one float32 per token and head, no scores"
        return (
            Term(_ATTENTION, statistic, why),
            Term(_LONGEST, *_mask(load, device)),
        )
    token_bytes = _scores_token_bytes(load)
    mask_bytes, _ = _mask(load, device)
    return (
        Term(
            _ATTENTION,
            (batch - longest) * token_bytes,
            f"{reason}: L × L scores, {batch} − {longest} tokens × {token_bytes} bytes",
        ),
        Term(
            _LONGEST,
            longest * token_bytes + mask_bytes,
            f"its scores and mask: {longest} tokens × {token_bytes} bytes + {mask_bytes} bytes",
        ),
    )


def _why_scores(load: Load, device: Device | None) -> str | None:
    """Why attention scores will lie in memory, or None where a fused kernel avoids them."""
    family, dims = load.facts.family, load.facts.dims
    if family.attention is not Attention.PACKED:
        return f"{family.model_type} adds a bias to every pair of positions"
    if device is None:
        return None
    if not device.has_flash_attention:
        major, minor = device.capability
        return f"compute capability {major}.{minor} has no flash attention"
    if load.precision is Precision.FP32 and dims.kv_heads < dims.heads:
        return "grouped-query attention has no fused fp32 kernel"
    return None


def _mask(load: Load, device: Device | None) -> tuple[int, str]:
    """The mask of a causal or windowed model where attention is computed length by length."""
    length, family = load.max_input_tokens, load.facts.family
    packs = device is not None and device.has_flash_attention and load.value_bytes == 2
    if packs or not (family.is_causal or family.has_window):
        return 0, "none: a long text costs no more than as many tokens of short ones"
    return length * length * _MASK_BYTES, f"its mask: {length} × {length} × {_MASK_BYTES} bytes"


def _mlp_values(facts: ModelFacts) -> int:
    intermediates, hiddens = facts.family.mlp.value
    rotary = 2 * facts.dims.head_dim if facts.family.mlp is not Mlp.PLAIN else 0
    return int(intermediates * facts.dims.intermediate + hiddens * facts.dims.hidden + rotary)


def _attention_values(facts: ModelFacts) -> int:
    """Residuals, projections with their rearranged copies, and the output."""
    dims = facts.dims
    queries, keys = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    projections = 3 * dims.hidden + 2 * (queries + 2 * keys) + queries
    return max(projections, facts.family.attention_hiddens * dims.hidden)


def _scores_token_bytes(load: Load) -> int:
    """Bytes of scores a token beyond the activations, for a text of the longest length."""
    kind = load.facts.family.attention
    copies, columns = kind.value
    value_bytes = load.value_bytes
    if kind is Attention.PACKED:
        copies, value_bytes = _SCORE_COPIES, _SCORE_BYTES
    width = copies * load.max_input_tokens + columns
    scores = load.facts.dims.heads * width * value_bytes
    # attention and MLP are not alive at once: what the MLP leaves free is used first
    spare = (live_values(load.facts) - _attention_values(load.facts)) * load.value_bytes
    return max(0, scores - spare)


def _headroom(parts: Sequence[Term], reserve: footprint.Reserve) -> Term:
    planned_bytes = sum(part.bytes for part in parts)
    return Term(
        HEADROOM,
        reserve.fixed_bytes + ceil(planned_bytes * reserve.share),
        f"{reserve.fixed_bytes // footprint.MIB} MiB + {reserve.share:.0%}: {reserve.basis}",
    )


def _each(engines: int, one: Term) -> Term:
    """A term of one engine for all engines of a pod."""
    if engines == 1:
        return one
    return Term(one.name, engines * one.bytes, f"{engines} engines × ({one.basis})")


def _staging(load: Load) -> Term:
    size = weights(load)
    return Term("checkpoint", size.bytes, f"host copy while it is loaded: {size.basis}")


def _api_processes(workers: int) -> Term:
    """Each worker with the bodies and answers that it may have in hand, and the supervisor."""
    one, held, rest = footprint.API_PROCESS, footprint.WORKER_HELD, footprint.SUPERVISOR
    counted = "1 worker" if workers == 1 else f"{workers} workers"
    return Term(
        API_WORKERS,
        workers * (one.bytes + held.bytes) + rest.bytes,
        f"{counted} × {(one.bytes + held.bytes) // footprint.MIB} MiB ({one.basis}; {held.basis}); "
        f"{rest.basis}",
    )


def _queue(queue_tokens: int) -> Term:
    one = footprint.QUEUED_TOKEN
    return Term(
        QUEUE,
        queue_tokens * one.bytes,
        f"{queue_tokens} tokens × {one.bytes} bytes: {one.basis}",
    )
