"""With several test processes, each shared service is started by one of them.

`pytest -n 2 --dist loadgroup` runs the tests of real predictors beside those of the control plane:
one of them computes while the other waits.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of predictors in one process, and all others in another."""
    for item in items:
        group = "predictors" if item.path.is_relative_to(_ROOT / "serving") else "cluster"
        item.add_marker(pytest.mark.xdist_group(group))
