"""The two images and the Debian below them, built once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.store import Image, Store, obstacle, opened

_HERE = Path(__file__).parent
_LIMIT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test's limit leave out fixtures: a first build downloads gigabytes."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(_LIMIT_S, func_only=True))


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """Where the images lie."""
    if reason := obstacle():
        pytest.skip(reason)
    with opened() as made:
        yield made


@pytest.fixture(scope="session")
def base(store: Store) -> Image:
    """What both begin with."""
    return store.base()


@pytest.fixture(scope="session")
def operator(store: Store, base: Image) -> Image:  # noqa: ARG001 - it is built on it
    """images/operator.Dockerfile; each step is a layer of its own."""
    return store.build("operator", in_layers=True)


@pytest.fixture(scope="session")
def predictor(store: Store, base: Image) -> Image:  # noqa: ARG001 - it is built on it
    """images/predictor.Dockerfile."""
    return store.build("predictor")


@pytest.fixture(params=["operator", "predictor"])
def image(request: pytest.FixtureRequest) -> Image:
    """Either of them."""
    built: Image = request.getfixturevalue(request.param)
    return built
