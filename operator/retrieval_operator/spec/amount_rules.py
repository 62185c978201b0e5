"""Rules on amounts: of cores, memory, disk, and of what autoscaling holds."""

from __future__ import annotations

from typing import Final

from pydantic.alias_generators import to_snake

from retrieval_operator.spec.block import Block
from retrieval_operator.spec.component import Autoscaling, Gpu, ResourceAmounts, Resources
from retrieval_operator.spec.quantity import Quantity
from retrieval_operator.spec.rule import Rule, in_cel

_AMOUNTS: Final = ("cpu", "memory", "ephemeral-storage")


def _fits(requests: Quantity | None, limits: Quantity | None) -> bool:
    return requests is None or limits is None or requests.value <= limits.value


def _quantity(field: str) -> str:
    """A CEL expression for an int-or-string field as a quantity, so that both forms compare."""
    return f"quantity(string({field}))"


def _request_within_limit(amount: str) -> Rule:
    requested, limit = f"self.requests.{in_cel(amount)}", f"self.limits.{in_cel(amount)}"
    name = to_snake(amount)
    return Rule(
        on=Resources,
        at=".requests",
        cel=(
            f"!has(self.requests) || !has(self.limits) || !has({requested}) || !has({limit}) || "
            f"{_quantity(requested)}.compareTo({_quantity(limit)}) <= 0"
        ),
        holds=lambda block: _fits(getattr(block.requests, name), getattr(block.limits, name)),
        says=f"requests.{amount} (%s) must not be above limits.{amount} (%s): lower the first or "
        "raise the second",
        facts=(requested, limit),
    )


def _above_zero(on: type[Block], amount: str) -> Rule:
    path, name = f"self.{in_cel(amount)}", to_snake(amount)

    def holds(block: Block) -> bool:
        asked: Quantity | None = getattr(block, name)
        return asked is None or asked.value > 0

    return Rule(
        on=on,
        at=f".{amount}" if amount.isidentifier() else "",
        cel=f"!has({path}) || {_quantity(path)}.compareTo(quantity('0')) > 0",
        holds=holds,
        says=f"{amount} (%s) must be above 0: leave it out to have it planned",
        facts=(path,),
    )


AMOUNT_RULES: Final = (
    Rule(
        on=Gpu,
        at=".memory",
        cel=f"!has(self.memory) || {_quantity('self.memory')}.compareTo(quantity('1Gi')) >= 0",
        holds=lambda gpu: gpu.memory is None or gpu.memory.bytes >= 2**30,
        says="memory (%s) must not be below 1Gi: a number alone is bytes, write 24Gi",
        facts=("self.memory",),
    ),
    *(_request_within_limit(amount) for amount in _AMOUNTS),
    *(_above_zero(ResourceAmounts, amount) for amount in _AMOUNTS),
    _above_zero(Autoscaling, "target"),
)
