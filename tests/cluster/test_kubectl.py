"""What a person sees with kubectl."""

from collections.abc import Iterator

import pytest

from retrieval_operator.spec.fields import fields
from tests.cluster.api import RETRIEVAL_SERVICE, Api
from tests.cluster.lab import Lab
from tests.cluster.test_stored_object import STATUS
from tests.support.spec import document


def explained(text: str, root: str) -> Iterator[str]:
    """The path of every field that `kubectl explain --recursive` lists, by its indentation."""
    above: list[str] = []
    for line in text.partition("FIELDS:\n")[2].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        if "\t" in line:
            above[depth:] = [line.split()[0]]
            yield ".".join([root, *above])


@pytest.mark.usefixtures("api")
def test_explain_lists_every_field(plane: Lab):
    listed = set()
    for root in ("spec", "status"):
        listed |= set(explained(plane.kubectl("explain", f"rsvc.{root}", "--recursive"), root))
    documented = {field.path for field in fields()} - {"spec", "status"}
    assert listed == documented


@pytest.mark.usefixtures("api")
def test_explain_gives_the_meaning_of_a_field(plane: Lab):
    text = plane.kubectl("explain", "rsvc.spec.embedder.batching.maxBatchTokens")
    assert "Real tokens in one forward pass." in " ".join(text.split())


def test_get_prints_readiness_reason_devices_and_precision(api: Api, plane: Lab):
    api.create(document(name="printed"))
    api.patch_status(RETRIEVAL_SERVICE, "printed", STATUS)
    header, row = plane.kubectl("get", "rsvc", "printed").splitlines()
    assert header.split() == (
        ["NAME", "READY", "REASON", "EMBEDDER", "RERANKER", "GPU", "PRECISION", "AGE"]
    )
    assert row.split()[:6] == ["printed", "False", "Progressing", "1/2", "NVIDIA-L4", "fp16"]


def test_services_are_found_by_category(api: Api, plane: Lab):
    api.create(document(name="categorised"))
    assert "retrievalservice.retrieval.io/categorised" in plane.kubectl(
        "get", "retrieval", "--output=name"
    )
