"""Quantities: exact values out of Kubernetes' notation."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.errors import BadQuantity
from retrieval_operator.spec.quantity import PATTERN, Quantity, bytes_text, cores_text

amounts = st.integers(0, 2**60)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("24Gi", 24 * 2**30),
        ("24G", 24 * 10**9),
        ("1.5Ki", 1536),
        (".5", Fraction(1, 2)),
        ("2.", 2),
        ("500m", Fraction(1, 2)),
        ("100n", Fraction(1, 10**7)),
        ("1e3", 1000),
        ("1E3", 1000),
        ("2E", 2 * 10**18),
        ("12e-1", Fraction(6, 5)),
        (7, 7),
    ],
)
def test_a_quantity_is_its_exact_value(written, value):
    assert Quantity.parse(written).value == value


@pytest.mark.parametrize(
    "written", ["", "-1", "24 Gi", "24gi", "1Ki1", "Gi", ".", "0x10", "1e", "९", True, 1.5, None]
)
def test_anything_else_is_refused_with_examples(written):
    with pytest.raises(BadQuantity, match="such as 24Gi"):
        Quantity.parse(written)


def test_the_same_amount_in_two_notations_is_equal():
    assert Quantity.parse("1000m") == Quantity.parse("1")


def test_a_fraction_of_a_unit_is_rounded_up():
    assert Quantity.parse("1500u").millicores == 2
    assert Quantity.parse("1m").bytes == 1


@given(amounts)
def test_bytes_written_canonically_are_read_back(amount):
    assert Quantity.parse(bytes_text(amount)).bytes == amount


@given(amounts)
def test_cores_written_canonically_are_read_back(amount):
    assert Quantity.parse(cores_text(amount)).millicores == amount


@given(st.integers(1, 1023), st.sampled_from(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]))
def test_bytes_are_written_in_the_largest_unit_that_keeps_them_whole(number, unit):
    assert bytes_text(Quantity.parse(f"{number}{unit}").bytes) == f"{number}{unit}"


@given(st.text(alphabet="0123456789.eE+-KMGTPEinumk ", max_size=8))
def test_a_text_is_a_quantity_exactly_when_kubernetes_notation_says_so(text):
    if re.fullmatch(PATTERN, text):
        assert Quantity.parse(text).value >= 0
    else:
        with pytest.raises(BadQuantity):
            Quantity.parse(text)
