"""A safetensors header tells what tensors there are; anything malformed is refused."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.facts.safetensors import MAX_HEADER_BYTES, BadHeader, read_tensors
from tests.support.planning import header

_NAMES = st.text(min_size=1).filter(lambda name: name != "__metadata__")
_SHAPES = st.lists(st.integers(0, 1000), max_size=4)


@given(st.dictionaries(_NAMES, st.tuples(st.sampled_from(["F32", "BF16"]), _SHAPES), max_size=5))
def test_what_is_announced_is_read(tensors):
    found = read_tensors(io.BytesIO(header(tensors)))
    assert {one.name: (one.dtype, list(one.shape)) for one in found} == tensors


def test_elements_are_the_product_of_the_shape():
    (tensor,) = read_tensors(io.BytesIO(header({"w": ("F32", [3, 4, 5])})))
    assert tensor.elements == 60


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(BadHeader):
        read_tensors(io.BytesIO(data))


def test_a_huge_header_is_refused_before_it_is_read():
    with pytest.raises(BadHeader, match=str(MAX_HEADER_BYTES)):
        read_tensors(io.BytesIO(struct.pack("<Q", 2**40)))


@pytest.mark.parametrize(
    "text",
    [b"[]", b"{", b'{"w": 1}', b'{"w": {"shape": [-1]}}', b'{"w": {"shape": [true]}}'],
    ids=["a list", "cut", "no entry", "negative", "a boolean"],
)
def test_a_malformed_header_is_refused(text):
    with pytest.raises(BadHeader):
        read_tensors(io.BytesIO(struct.pack("<Q", len(text)) + text))


def test_a_cut_header_says_how_much_is_there():
    with pytest.raises(BadHeader, match="header of 50 bytes, the file holds 2"):
        read_tensors(io.BytesIO(struct.pack("<Q", 50) + b"{}"))
