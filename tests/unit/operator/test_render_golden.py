"""The manifests of whole services are those that were reviewed (tests/golden/write.py rewrites)."""

import pytest
import yaml

from tests.golden.write import CASES, rendered


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manifests_are_the_reviewed_ones(case):
    assert rendered(case) == (case / "manifests.yaml").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rendering_twice_is_the_same_text(case):
    assert rendered(case) == rendered(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manifests_hold_only_what_json_can(case):
    for manifest in yaml.safe_load_all(rendered(case)):
        content = "data" if manifest["kind"] == "ConfigMap" else "spec"
        assert manifest.keys() == {"apiVersion", "kind", "metadata", content}
