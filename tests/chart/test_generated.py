"""Files that are derived from others are up to date."""

import pytest

from tests.chart.helm import helm
from tests.chart.write import CHART, FILES, ROOT


@pytest.mark.parametrize("name", FILES)
def test_a_derived_file_is_what_its_source_says(name: str):
    assert (ROOT / name).read_text() == FILES[name](), "run `make generate`"


def test_helm_finds_nothing_to_criticise():
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)
