"""Facts are found by address, without the network."""

import pytest

from retrieval_operator.facts import Unknown, facts_for, facts_of
from retrieval_operator.facts.lookup import similar_names
from tests.support.planning import checkpoint
from tests.support.spec import embedder


@pytest.mark.parametrize("uri", ["hf://BAAI/bge-m3", "hf://baai/BGE-M3", "hf://BAAI/bge-m3@main"])
def test_a_known_model_is_found_whatever_its_case(uri):
    found = facts_of(uri)
    assert found is not None
    assert found.name == "BAAI/bge-m3"


@pytest.mark.parametrize(
    "uri", ["hf://nobody/nothing", "s3://bucket/bge-m3", "pvc://claim/model", "nonsense"]
)
def test_an_unknown_address_has_no_facts(uri):
    assert facts_of(uri) is None


def test_a_folder_wins_over_the_table(tmp_path):
    folder = checkpoint(tmp_path, {"w": ("F32", [7])})
    found = facts_of("hf://BAAI/bge-m3", folder)
    assert found is not None
    assert (found.name, found.parameters) == ("BAAI/bge-m3", 7)


def test_a_file_address_never_opens_the_disk_of_this_process(tmp_path):
    folder = checkpoint(tmp_path / "mine", {"w": ("F32", [7])})
    told = {facts_for(embedder(model={"uri": uri})) for uri in (f"file://{folder}", "file:///root")}
    assert {type(answer) for answer in told} == {Unknown}
    assert facts_of(f"file://{folder}") is None


def test_a_misspelt_name_has_a_neighbour():
    assert similar_names("hf://BAAI/bge-large-zh-v15") == (
        "BAAI/bge-large-zh-v1.5",
        "BAAI/bge-large-en-v1.5",
    )
