"""Prometheus and promtool are built before the first test, outside the tests' time limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.observability.tools import PROMETHEUS, PROMTOOL, made

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A limit leaves out fixtures, because a first build takes minutes."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(180, func_only=True))


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Both programs lie in the cache."""
    made(PROMETHEUS)
    made(PROMTOOL)
