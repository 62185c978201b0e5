"""The API server would store everything that the chart renders, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from retrieval_operator.crd import NAME
from tests.chart.helm import GRAFANA, PROMETHEUS, VARIANTS, rendered
from tests.chart.write import NAMESPACE, install
from tests.cluster.api import NAMESPACE as NAMESPACE_KIND
from tests.cluster.api import Api

FOREIGN = {PROMETHEUS, GRAFANA}
"""Kinds of other projects, which the test cluster does not have."""


@pytest.fixture(scope="module", autouse=True)
def namespaces(api: Api):
    """The namespaces that the variants name."""
    for name in (NAMESPACE, "search", "shop"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for name in ("default", "someone", "retrieval-operator"):  # pods are refused without theirs
        metadata = {"name": name, "namespace": NAMESPACE}
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    yield
    for name in (NAMESPACE, "search", "shop"):
        api.delete(NAMESPACE_KIND, name)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_object_of_the_chart_is_stored_without_a_warning(api: Api, values: dict[str, Any]):
    for document in rendered(values):
        if document["apiVersion"] in FOREIGN:
            continue
        if document["metadata"]["name"] != NAME and document["kind"] != "ServiceAccount":
            api.try_out(document)  # the lab has the others, and could not create them again


def test_the_install_manifest_is_accepted_as_a_whole(plane, tmp_path):
    path = tmp_path / "install.yaml"
    path.write_text(install())
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={path}")
