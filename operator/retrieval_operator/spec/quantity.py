"""Kubernetes quantities as exact numbers: `24Gi` is bytes, `500m` is half a core.

The text of the object is kept for messages; arithmetic uses the exact value, and two quantities are
equal when their values are (`1000m` is `1`).

Source: Kubernetes API conventions, apimachinery `pkg/api/resource/quantity.go` (suffixes, and
rounding up to the unit asked for).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from retrieval_operator.errors import BadQuantity

PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
MAX_LENGTH = 32
_MAX_INTEGER = 2**63 - 1  # a bare number of JSON is read as int64

_BINARY = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_FACTORS = _BINARY | {suffix: Fraction(1000) ** power for suffix, power in _DECIMAL.items()}
_NUMBER = re.compile(r"(?P<number>[0-9]*\.?[0-9]*)(?P<suffix>.*)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact, non-negative amount; `text` is how the author wrote it."""

    value: Fraction
    text: str = field(compare=False)

    @classmethod
    def parse(cls, written: object) -> Quantity:
        """Read `24Gi`, `500m`, `4`, `1e3` or an integer.

        Raises:
            BadQuantity: It is neither, or it is negative.
        """
        if isinstance(written, bool) or not isinstance(written, int | str):
            raise BadQuantity(got=str(written))
        text = str(written)
        is_readable = len(text) <= MAX_LENGTH and re.fullmatch(PATTERN, text)
        if not is_readable or (isinstance(written, int) and written > _MAX_INTEGER):
            raise BadQuantity(got=text)
        return cls(_value(text), text)

    @property
    def bytes(self) -> int:
        """The amount as whole bytes, rounded up."""
        return math.ceil(self.value)

    @property
    def millicores(self) -> int:
        """The amount as thousandths of a CPU core, rounded up."""
        return math.ceil(self.value * 1000)

    @property
    def ceiling(self) -> int:
        """The amount as a whole number, rounded up."""
        return math.ceil(self.value)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic read a quantity from a text or an integer, and write it as its text."""
        return core_schema.no_info_plain_validator_function(
            _from_document, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe a quantity the way a structural schema wants it."""
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "minimum": 0,
            "maxLength": MAX_LENGTH,
            "pattern": PATTERN,
        }


def bytes_text(amount_bytes: int) -> str:
    """Write bytes in Kubernetes' canonical form: the largest binary unit that keeps it whole."""
    for suffix, factor in reversed(_BINARY.items()):
        if amount_bytes and amount_bytes % factor == 0:
            return f"{amount_bytes // factor}{suffix}"
    return str(amount_bytes)


def cores_text(amount_millicores: int) -> str:
    """Write thousandths of a core in Kubernetes' canonical form: `4`, `2500m`."""
    whole, rest = divmod(amount_millicores, 1000)
    return f"{amount_millicores}m" if rest else str(whole)


def _value(text: str) -> Fraction:
    parts = _NUMBER.fullmatch(text)
    if parts is None:
        raise BadQuantity(got=text)
    number, suffix = parts["number"].rstrip("."), parts["suffix"]
    if suffix in _FACTORS:
        return Fraction(number) * _FACTORS[suffix]
    return Fraction(number) * Fraction(10) ** int(suffix[1:])


def _from_document(written: object) -> Quantity:
    if isinstance(written, Quantity):
        return written
    try:
        return Quantity.parse(written)
    except BadQuantity as error:
        raise PydanticCustomError("quantity", "wanted a quantity such as 24Gi or 500m") from error
