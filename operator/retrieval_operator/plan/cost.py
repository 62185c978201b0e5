"""What a forward pass costs: a roofline of three parts. Pure.

    seconds(T) = fixed + weights ÷ bandwidth + T × operations a token ÷ rate

`fixed` is what launching every layer costs whatever the batch holds, the second part streams the
weights once, the third computes. The knee is the smallest T at which the third part is a given
share of the whole: beyond it a larger batch mostly adds waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from retrieval_operator.devices import Device
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.plan.memory import VALUE_BYTES
from retrieval_operator.spec.choices import Precision

GPU_EFFICIENCY: Final = 0.35
"""Share of the vendor's rate that a transformer reaches; a cautious figure.

Source: text-embeddings-inference reaches 62 k tokens/s with bge-large on an L4 (Infinity's
benchmark page), 31 % of its 121 TFLOPS; 230 k tokens/s with a BERT base on an A10G (Snowflake's
engineering blog) are 56 % of its 70.
"""
GPU_LAYER_S: Final = 180e-6
"""Launching one layer from Python: 4.3 ms for 24 layers at batch 1 on an L4 (TensorRT-LLM pull
request 14326, eager PyTorch)."""
GPU_BATCH_S: Final = 1e-3
"""Packing, copying to the device and fetching the results of one batch."""

CPU_LAYER_S: Final = 200e-6
"""Starting one layer on cores of `_MEASURED_CORE_RATE`; slower cores take longer in proportion.

Measured: 3.0 ms for a lone query of 12 tokens, all-MiniLM-L6-v2 in fp32 on 2 Zen 5 cores.
"""
CPU_BANDWIDTH_BYTES_S: Final = 40e9
CPU_SPREAD: Final = 4
"""How often a batch of mixed texts pays the fixed costs: 1024 tokens take 74 ms and 4096 take 269
(same model and cores), so 9 ms depend on no token, four times those of the lone query."""
_MEASURED_CORE_RATE: Final = 170e9
_CPU_RATES: Final = (
    (Precision.BF16, "amx_bf16", 500e9, "assumed: a tenth of the tile units' peak"),
    (Precision.BF16, "avx512_bf16", 280e9, "measured with all-MiniLM-L6-v2 on 2 Zen 5 cores"),
    (
        Precision.FP32,
        "avx512f",
        _MEASURED_CORE_RATE,
        "measured with all-MiniLM-L6-v2 on 2 Zen 5 cores",
    ),
)
_PLAIN_CPU_RATE: Final = 80e9
"""Operations a second of a core with 256-bit vectors: half the width measured with AVX-512."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What a device does with one model.

    Units: `rate` operations a second, `fixed_s` seconds of a forward pass that depend on no token.
    """

    rate: float
    fixed_s: float
    token_operations: float
    basis: str

    @property
    def peak_tokens_s(self) -> float:
        """Tokens a second of an infinitely large batch."""
        return self.rate / self.token_operations

    def seconds(self, tokens: int) -> float:
        """Time of one batch of `tokens`."""
        return self.fixed_s + tokens / self.peak_tokens_s

    def tokens_s(self, tokens: int) -> float:
        """Tokens a second when every batch holds `tokens`."""
        return tokens / self.seconds(tokens)

    def knee_tokens(self, share: float) -> int:
        """The smallest batch that reaches `share` of the peak."""
        return ceil(share / (1 - share) * self.fixed_s * self.peak_tokens_s)


def token_operations(facts: ModelFacts, text_tokens: int) -> float:
    """Operations a token takes in a text of `text_tokens`: linears, then attention.

    Source: 2 operations per parameter, and 4 per layer, width and attended token (Kaplan et al.,
    "Scaling laws for neural language models", table 1); a causal model attends to half.
    """
    dims = facts.dims
    attended = text_tokens / 2 if facts.is_causal else text_tokens
    return 2 * facts.dense_parameters + 4 * dims.layers * dims.heads * dims.head_dim * attended


def gpu_speed(device: Device, facts: ModelFacts, precision: Precision, text_tokens: int) -> Speed:
    """The speed of a model on a GPU."""
    is_half = precision is not Precision.FP32
    tflops = device.half_tflops if is_half else device.fp32_tflops
    weights_bytes = facts.dense_parameters * VALUE_BYTES[precision]
    return Speed(
        rate=tflops * 1e12 * GPU_EFFICIENCY,
        fixed_s=GPU_BATCH_S
        + facts.dims.layers * GPU_LAYER_S
        + weights_bytes / (device.bandwidth_gb_s * 1e9),
        token_operations=token_operations(facts, text_tokens),
        basis=f"{GPU_EFFICIENCY:.0%} of {tflops:g} TFLOPS {precision.value} ({device.source})",
    )


def cpu_speed(
    features: frozenset[str], cores: int, facts: ModelFacts, precision: Precision, text_tokens: int
) -> Speed:
    """The speed of a model on CPU cores with these features."""
    rate, basis = _core_rate(features, precision)
    weights_bytes = facts.dense_parameters * VALUE_BYTES[precision]
    layers_s = facts.dims.layers * CPU_LAYER_S * _MEASURED_CORE_RATE / rate
    return Speed(
        rate=rate * cores,
        fixed_s=CPU_SPREAD * (layers_s + weights_bytes / CPU_BANDWIDTH_BYTES_S),
        token_operations=token_operations(facts, text_tokens),
        basis=f"{cores} cores × {rate / 1e9:.0f} GFLOPS {precision.value} ({basis})",
    )


def _core_rate(features: frozenset[str], precision: Precision) -> tuple[float, str]:
    for format_, feature, rate, basis in _CPU_RATES:
        if precision is format_ and feature in features:
            return rate, basis
    return _PLAIN_CPU_RATE, "assumed: 256-bit vectors"
