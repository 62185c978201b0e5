"""GPU products as people write them: nvidia-smi's spelling, short names, near misses, slices. Pure.

A digit is never a typing error: `H20` and `H200` are two cards, so a name is near another one only
where the words that hold digits are the same.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from retrieval_operator.devices import PRODUCTS, find_device

_MAKERS: Final = ("nvidia", "geforce", "tesla")
_MOST: Final = 3
_MARK: Final = "-MIG-"

_EIGHTHS: Final = {
    "NVIDIA-A100-SXM4-40GB": "1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb",
    "NVIDIA-A100-PCIE-40GB": "1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb",
    "NVIDIA-A100-SXM4-80GB": "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
    "NVIDIA-A100-80GB-PCIe": "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
    "NVIDIA-H100-80GB-HBM3": "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
    "NVIDIA-H100-PCIe": "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
    "NVIDIA-H100-NVL": "1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb",
    "NVIDIA-GH200-480GB": "1g.12gb 1g.24gb 2g.24gb 3g.48gb 4g.48gb 7g.96gb",
    "NVIDIA-H200": "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb",
    "NVIDIA-H200-NVL": "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb",
    "NVIDIA-B200": "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb",
    "NVIDIA-A30": "1g.6gb 2g.12gb 4g.24gb",
}
"""Slices of each product. Source: NVIDIA MIG user guide, "Supported MIG profiles"."""
_UNSLICED: Final = {(7, 0), (7, 5), (8, 6), (8, 9)}
"""Compute capabilities of which no product can be sliced; the same source."""


def listed_name(written: str) -> str | None:
    """The label of the one product that was meant, whole or a slice of it; None if none surely is.

    Blanks stand for dashes, letters may be small, and the maker's words may be left out.
    """
    plain = "-".join(written.split())
    if find_device(plain) is not None:
        return plain
    whole, mark, profile = plain.partition(_MARK)
    same = [product for product in PRODUCTS if _squeezed(product) == _squeezed(whole)]
    return same[0] + mark + profile if len(same) == 1 and _squeezed(whole) else None


def similar_products(label: str) -> tuple[str, ...]:
    """Listed products that may have been meant, best first."""
    wanted = label.partition(_MARK)[0]
    near = [product for product in PRODUCTS if _is_near(wanted, product)]
    return tuple(sorted(near, key=lambda product: _nearness(wanted, product), reverse=True)[:_MOST])


def slices_of(product: str) -> tuple[str, ...] | None:
    """The MIG profiles that a listed product can be cut into, or None where no table has them."""
    if product in _EIGHTHS:
        return tuple(_EIGHTHS[product].split())
    device = PRODUCTS.get(product)
    return () if device is not None and device.capability in _UNSLICED else None


def wrong_slice(label: str) -> str | None:
    """What is wrong with the slice that this label names, or None where nothing is."""
    whole, mark, profile = label.removesuffix("-SHARED").partition(_MARK)
    known = slices_of(whole)
    if not mark or known is None or profile.partition(".me")[0] in known:
        return None
    if not known:
        return f"{whole} cannot be cut into MIG slices"
    return f"{whole} has no slice {profile}; it has {', '.join(known)}"


def _is_near(wanted: str, product: str) -> bool:
    if _numbered(wanted) & _numbered(product):
        return True
    if re.findall(r"\d+", wanted) != re.findall(r"\d+", product):
        return False
    return difflib.SequenceMatcher(None, _squeezed(wanted), _squeezed(product)).ratio() >= 0.6


def _nearness(wanted: str, product: str) -> tuple[int, float]:
    shared = _numbered(wanted) & _numbered(product)
    alike = difflib.SequenceMatcher(None, _squeezed(wanted), _squeezed(product)).ratio()
    return len(shared), alike


def _numbered(name: str) -> frozenset[str]:
    """Words that say which card it is: those with digits, apart from an amount of memory."""
    words = re.findall(r"[a-z]+\d+[a-z]*|\d+[a-z]*", name.lower().replace("rtx", "rtx-"))
    return frozenset(word for word in words if not word.endswith("gb"))


def _squeezed(name: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    for maker in _MAKERS:
        letters = letters.removeprefix(maker)
    return letters
