"""What people write for a GPU, and which listed product they meant."""

import pytest

from retrieval_operator.devices import OLDEST, PRODUCTS
from retrieval_operator.products import listed_name, similar_products, wrong_slice


@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_every_product_is_known_by_its_label_and_as_nvidia_smi_prints_it(product):
    assert listed_name(product) == product
    assert listed_name(product.replace("-", " ")) == product
    assert listed_name(product.lower()) == product


@pytest.mark.parametrize(
    ("written", "product"),
    [
        ("rtx4090", "NVIDIA-GeForce-RTX-4090"),
        ("RTX 3090", "NVIDIA-GeForce-RTX-3090"),
        ("l4", "NVIDIA-L4"),
        ("T4", "Tesla-T4"),
        ("h200-MIG-1g.18gb", "NVIDIA-H200-MIG-1g.18gb"),
    ],
)
def test_a_short_name_is_enough_where_one_product_has_it(written, product):
    assert listed_name(written) == product


@pytest.mark.parametrize("written", ["A100", "NVIDIA-RTX-4090-X", "NVIDIA-Q9", "", "-MIG-1g.5gb"])
def test_what_is_not_surely_one_product_is_none(written):
    assert listed_name(written) is None


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("NVIDIA-RTX-4091", ()),
        ("NVIDIA-GeForce-RTX-4090-Ti", ("NVIDIA-GeForce-RTX-4090",)),
        ("NVIDIA-Q9", ()),
        ("", ()),
        ("NVIDIA-H100-80GB-HBM4", ("NVIDIA-H100-80GB-HBM3",)),
        ("NVIDIA-LL4", ("NVIDIA-L4",)),
    ],
)
def test_a_near_miss_has_the_same_digits(written, near):
    assert similar_products(written)[: len(near) or None] == near


def test_a_family_without_its_form_gets_products_of_that_family_alone():
    near = similar_products("NVIDIA-A100-80GB")
    assert {"NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"} <= set(near)
    assert all("A100" in product for product in near)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("NVIDIA-L4-MIG-1g.10gb", "NVIDIA-L4 cannot be cut into MIG slices"),
        ("NVIDIA-A100-SXM4-80GB-MIG-7g.10gb", "no slice 7g.10gb; it has 1g.10gb, 1g.20gb"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.12gb", "no slice 1g.12gb"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", None),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb.me", None),
        ("NVIDIA-A100-SXM4-80GB", None),
        ("NVIDIA-L4-SHARED", None),
    ],
)
def test_a_slice_that_the_card_does_not_have_is_named(label, problem):
    found = wrong_slice(label)
    assert found == problem or (problem is not None and found is not None and problem in found)


def test_a_card_that_is_older_than_the_image_runs_on_is_listed_only_to_be_refused():
    old = {product for product, device in PRODUCTS.items() if device.capability < OLDEST}
    assert all(product.startswith("Tesla-V100") for product in old)
