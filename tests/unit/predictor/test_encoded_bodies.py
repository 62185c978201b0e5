"""Compressed bodies are decoded within the limit of a plain one, or refused by name."""

from __future__ import annotations

import gzip
import zlib

import pytest

from retrieval_predictor.edge.body import nothing
from retrieval_predictor.edge.encoding import plain, refuse_unknown
from retrieval_predictor.edge.protocol.faults import fault_of, headers_of
from retrieval_predictor.errors import BodyTooLarge, Malformed, UnsupportedEncoding

pytestmark = pytest.mark.looptime(False)  # work in threads takes real time

TEXT = b'{"inputs": "a loaf of bread"}' * 90_000


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate"])
@pytest.mark.parametrize("text", [b"", b"a", TEXT])
async def test_a_body_is_what_was_compressed_and_every_byte_is_counted(encoding: str, text: bytes):
    pack = gzip.compress if encoding.lower() == "gzip" else zlib.compress
    taken: list[int] = []
    assert await plain(pack(text), encoding, len(TEXT), taken.append) == text
    assert sum(taken) == len(text)


@pytest.mark.parametrize("encoding", ["", "identity"])
async def test_a_plain_body_stays_as_it_is(encoding: str):
    refuse_unknown(encoding)
    assert await plain(b"a", encoding, 10, nothing) == b"a"


async def test_a_bomb_is_decoded_no_further_than_the_limit():
    taken: list[int] = []
    with pytest.raises(BodyTooLarge):
        await plain(gzip.compress(bytes(50 << 20)), "gzip", 1 << 20, taken.append)
    assert sum(taken) <= 2 << 20


@pytest.mark.parametrize("body", [b"", b"no gzip", gzip.compress(TEXT)[:-9]])
async def test_what_is_not_compressed_so_is_refused(body: bytes):
    with pytest.raises(Malformed, match="gzip"):
        await plain(body, "gzip", 10 << 20, nothing)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_other_encodings_are_refused_by_name_with_what_is_taken(encoding: str):
    with pytest.raises(UnsupportedEncoding, match=encoding) as refused:
        refuse_unknown(encoding)
    assert fault_of(refused.value).status == 415
    assert headers_of(refused.value) == {"accept-encoding": "gzip, deflate"}
