"""Files that are derived from others are up to date."""

from pathlib import Path

import pytest

from tests.chart.helm import helm
from tests.chart.write import CHART, ROOT, WRITTEN


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_derived_file_is_what_its_source_says(path: Path):
    assert path.read_text() == WRITTEN[path](), "run `make generate`"


def test_helm_finds_nothing_to_criticise():
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)
