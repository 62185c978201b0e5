"""What a forward pass costs: launches, weights, and tokens. Pure.

    seconds(T) = fixed + weights ÷ bandwidth + T × (operations a token ÷ rate + bytes ÷ bandwidth)

`fixed` is what launching every layer costs whatever the batch holds, the second part streams the
weights once, the third computes and moves what the layers hand to one another. Operations grow with
the square of a model's width and bytes with the width, so a narrow model reaches less of a card's
rate. The knee is the smallest T at which the third part is a given share of the whole: beyond it a
larger batch mostly adds waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from retrieval_operator.devices import NOT_LISTED, Capability, Device
from retrieval_operator.facts.family import Mlp
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.plan.memory import VALUE_BYTES
from retrieval_operator.spec.choices import Precision

GPU_EFFICIENCY: Final[tuple[tuple[Capability, float], ...]] = (
    ((12, 0), 0.60),
    ((10, 0), 0.45),
    ((9, 0), 0.50),
    ((8, 0), 0.60),
    ((7, 5), 0.40),
    ((7, 0), 0.50),
)
"""Share of the datasheet's rate that a transformer's matrix products reach, from this compute
capability on. Large chips lose more to launches and partly filled waves, the T4 to its 70 W.

Source: with what `token_transfer_bytes` takes beside, 0.60 gives text-embeddings-inference's 62 k
tokens/s of bge-large on an L4 (Infinity's benchmark page) to 1 %, and 172 k of the 230 k tokens/s
of a BERT base on an A10G (Snowflake's engineering blog). The others are taken from how far cuBLAS
stays below the datasheet on those generations, and are not measured with this predictor.
"""
GPU_BANDWIDTH_SHARE: Final = 0.8
"""Of the datasheet's bandwidth, what kernels that only read and write reach (STREAM on GPUs)."""
GPU_SPREAD: Final = (0.5, 1.5)
"""What published rates and field readings are of what is computed here, with a margin."""
ASSUMED_SPREAD: Final = (0.25, 3.0)
"""The same for a product that the table lacks, rated like another one."""
CPU_SPREAD_OF_CORES: Final = (0.5, 1.5)
"""Cores differ in clock and in what else runs on them by this much."""
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

    Units: `rate` operations a second, `fixed_s` seconds of a forward pass that depend on no token,
    `token_transfer_s` seconds a token that go into moving and not into computing. `spread` is
    between which multiples of this the true speed lies.
    """

    rate: float
    fixed_s: float
    token_operations: float
    basis: str
    token_transfer_s: float = 0.0
    spread: tuple[float, float] = (1.0, 1.0)

    @property
    def peak_tokens_s(self) -> float:
        """Tokens a second of an infinitely large batch."""
        return 1 / (self.token_operations / self.rate + self.token_transfer_s)

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


def token_transfer_bytes(facts: ModelFacts, precision: Precision) -> int:
    """Bytes that the layers read and write for a token, apart from weights.

    A layer reads and writes its input, the projections, attention's output, two sums and two norms
    (18 widths), and what the MLP widens to (twice in, twice out; a gated one half as much again).
    """
    dims = facts.dims
    wide = 4 if facts.family.mlp is Mlp.PLAIN else 6
    values = 18 * dims.hidden + wide * dims.intermediate
    return dims.layers * values * VALUE_BYTES[precision]


def gpu_speed(device: Device, facts: ModelFacts, precision: Precision, text_tokens: int) -> Speed:
    """The speed of a model on a GPU."""
    is_half = precision is not Precision.FP32
    tflops = device.half_tflops if is_half else device.fp32_tflops
    weights_bytes = facts.dense_parameters * VALUE_BYTES[precision]
    bandwidth = device.bandwidth_gb_s * 1e9 * GPU_BANDWIDTH_SHARE
    share = gpu_efficiency(device.capability)
    return Speed(
        rate=tflops * 1e12 * share,
        fixed_s=GPU_BATCH_S + facts.dims.layers * GPU_LAYER_S + weights_bytes / bandwidth,
        token_operations=token_operations(facts, text_tokens),
        basis=f"{share:.0%} of {tflops:g} TFLOPS {precision.value}, {GPU_BANDWIDTH_SHARE:.0%} of "
        f"{device.bandwidth_gb_s:g} GB/s ({device.source})",
        token_transfer_s=token_transfer_bytes(facts, precision) / bandwidth,
        spread=ASSUMED_SPREAD if device.source.startswith(NOT_LISTED) else GPU_SPREAD,
    )


def gpu_efficiency(capability: Capability) -> float:
    """The share of its datasheet that a card of this capability reaches."""
    return next((share for since, share in GPU_EFFICIENCY if capability >= since), 0.4)


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
        spread=CPU_SPREAD_OF_CORES,
    )


def _core_rate(features: frozenset[str], precision: Precision) -> tuple[float, str]:
    for format_, feature, rate, basis in _CPU_RATES:
        if precision is format_ and feature in features:
            return rate, basis
    return _PLAIN_CPU_RATE, "assumed: 256-bit vectors"
