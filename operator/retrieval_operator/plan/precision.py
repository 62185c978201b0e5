"""Choose the number format that the device computes fastest without visible loss. Pure."""

from __future__ import annotations

from retrieval_operator.devices import BF16_SINCE, OLDEST, Device
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.place import CpuPlace, GpuPlace
from retrieval_operator.plan.result import By, Decision, Reason, Refusal, Refused
from retrieval_operator.spec.choices import Precision

_CPU_BF16 = ("amx_bf16", "avx512_bf16")


def gpu_precision(ask: Ask, facts: ModelFacts, place: GpuPlace) -> Decision[Precision]:
    """The precision on this GPU.

    Raises:
        Refused: The object names one that the device lacks, or the device has no tensor cores.
    """
    device = place.device
    if device.capability < OLDEST:
        raise Refused(_too_old(ask, device))
    if ask.precision is Precision.AUTO:
        return _best_on_gpu(facts, device)
    lacks_bf16 = ask.precision is Precision.BF16 and not device.has_bf16
    if ask.precision is Precision.INT8 or lacks_bf16:
        raise Refused(_unavailable(ask, _capability(device)))
    return Decision(ask.precision, By.SET, _set_on_gpu(ask.precision, facts, device))


def cpu_precision(ask: Ask, place: CpuPlace) -> Decision[Precision]:
    """The precision on this CPU.

    Raises:
        Refused: The object names one that the CPU lacks.
    """
    feature = next((name for name in _CPU_BF16 if name in place.features), None)
    if ask.precision is Precision.AUTO:
        return _best_on_cpu(feature, place)
    if ask.precision is Precision.FP32:
        return Decision(Precision.FP32, By.SET, "set in the object")
    if ask.precision is Precision.BF16 and feature:
        return Decision(Precision.BF16, By.SET, f"set in the object; the CPU has {feature}")
    raise Refused(_unavailable(ask, _lacking(place)))


def _best_on_gpu(facts: ModelFacts, device: Device) -> Decision[Precision]:
    if facts.family.overflows_fp16:
        precision = Precision.BF16 if device.has_bf16 else Precision.FP32
        why = f"{facts.family.model_type} overflows fp16; {_capability(device)}"
        return Decision(precision, By.PLANNED, why)
    if facts.dtype is Precision.BF16 and device.has_bf16:
        return Decision(Precision.BF16, By.PLANNED, f"as the checkpoint; {_capability(device)}")
    if facts.dtype is Precision.BF16:
        why = f"bf16 weights are converted: {_capability(device)}, bf16 needs 8.0"
        return Decision(Precision.FP16, By.PLANNED, why)
    ratio = device.half_tflops / device.fp32_tflops
    why = f"half the memory of fp32 and {ratio:.1f} × its rate on {device.product}"
    return Decision(Precision.FP16, By.PLANNED, why)


def _set_on_gpu(precision: Precision, facts: ModelFacts, device: Device) -> str:
    if precision is Precision.FP16 and facts.family.overflows_fp16:
        return f"set in the object, although {facts.family.model_type} overflows fp16"
    return f"set in the object; {_capability(device)}"


def _best_on_cpu(feature: str | None, place: CpuPlace) -> Decision[Precision]:
    if feature:
        return Decision(Precision.BF16, By.PLANNED, f"the CPU has {feature}")
    return Decision(Precision.FP32, By.PLANNED, _lacking(place))


def _lacking(place: CpuPlace) -> str:
    if place.takes_all:
        return f"the CPU has neither {' nor '.join(_CPU_BF16)}"
    return f"not every node is labelled with {' or '.join(_CPU_BF16)} (Node Feature Discovery)"


def _capability(device: Device) -> str:
    major, minor = device.capability
    return f"{device.product} has compute capability {major}.{minor}"


def _unavailable(ask: Ask, because: str) -> Refusal:
    needs = {
        Precision.BF16: f"bf16 needs a GPU of compute capability {BF16_SINCE[0]}.{BF16_SINCE[1]} "
        f"or a CPU with {' or '.join(_CPU_BF16)}",
        Precision.FP16: "fp16 needs a GPU",
        Precision.INT8: "int8 is not computed by this version",
    }
    return Refusal(
        ask.component,
        Reason.PRECISION,
        f"{ask.path}.precision is {ask.precision.value}: {needs[ask.precision]}; {because}",
    )


def _too_old(ask: Ask, device: Device) -> Refusal:
    return Refusal(
        ask.component,
        Reason.NO_SUCH_DEVICE,
        f"{_capability(device)}; {OLDEST[0]}.{OLDEST[1]} is the oldest that the "
        "predictor's PyTorch runs on (CUDA 13)",
    )
