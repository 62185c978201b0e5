"""What a dialect is: how a request becomes bytes, and how an answer's bytes become rows.

Dialects are pure and know no socket. They read answers trustingly and let `KeyError` and its kin
escape; `answers.read` turns whatever goes wrong into a `WrongAnswer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from retrieval_bench.corpus import Request

Rows = npt.NDArray[np.floating[Any]]
"""Vectors (N, D), or scores (N,), one row for each text of the request, in its order."""

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as bytes; for gRPC `path` is the full name of the method."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer as bytes; header names are matched in lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """One way of asking for vectors or scores."""

    @property
    def transport(self) -> Literal["http", "grpc"]:
        """What carries the bytes."""

    @property
    def scores(self) -> bool:
        """True if an answer has one number a text, False if it has one vector a text."""

    def call(self, request: Request) -> Call:
        """The request as bytes."""

    def rows(self, reply: Reply) -> Rows:
        """The answer as numbers: (N, D) or (N,)."""
