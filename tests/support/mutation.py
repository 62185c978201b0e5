"""Damaged inputs: valid bytes with a few cuts, flips, copies and numbers that break parsers.

Everything comes from one seed, so a number names the input that failed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

TOKENS = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"9223372036854775808", b"NaN", b'""', b"[]"),
    *(
        b"{}",
        b"[[",
        b"]]",
        b'{"a":',
        b'"',
        b"\\ud800",
        b"\\u0000",
        b"\xff\xfe",
        b"\xf0\x9f\x98\x80",
    ),
    *(b'"binary_data_size":', b'"shape":', b'"data":', b'"parameters":', b'"input":', b","),
    *(b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"),
)

Mutate = Callable[[bytearray, random.Random], None]


def damaged(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds after up to eight mutations; one in sixteen is left whole."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, 8))):
        chance.choice(_MUTATIONS)(data, chance)
    return bytes(data)


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random) -> None:
    start, end = _range(data, chance)
    del data[start:end]


def _copy(data: bytearray, chance: random.Random) -> None:
    start, end = _range(data, chance)
    at = chance.randrange(len(data) + 1)
    data[at:at] = data[start:end] * chance.choice((1, 1, 1, 2, 64))


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(TOKENS)


def _replace(data: bytearray, chance: random.Random) -> None:
    start, end = _range(data, chance)
    data[start:end] = chance.choice(TOKENS)


def _end(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _range(data: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 2, 4, 8, 16, 64)))


_MUTATIONS: tuple[Mutate, ...] = (_flip, _flip, _cut, _copy, _insert, _replace, _end)
"""What can happen to bytes; sizes stay below a hundred kilobytes."""
