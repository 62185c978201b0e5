"""Facts of a model that is not listed come from the hub, without its weights."""

import json
import socket

import pytest

from retrieval_operator.facts import HttpFetch, Hub, ModelFacts, Unknown, read_checkpoint
from retrieval_operator.spec.source import ModelSource
from tests.support.hub import hub
from tests.support.planning import checkpoint, header

pytestmark = pytest.mark.looptime(False)
TENSORS = {"a": ("F16", [100, 8]), "b": ("F16", [8, 8])}
SOURCE = ModelSource(uri="hf://owner/name")


@pytest.fixture
def folder(tmp_path):
    made = checkpoint(tmp_path / "model", TENSORS)
    with (made / "model.safetensors").open("ab") as file:
        file.write(b"\1" * 3_000_000)  # weights, which nobody may fetch
    return made


def asked(url: str, source: ModelSource = SOURCE, timeout_s: float = 30.0) -> ModelFacts | Unknown:
    return Hub(HttpFetch(timeout_s), url).facts(source)


@pytest.mark.parametrize(
    "behaviour", [{}, {"redirects": True}, {"understands_ranges": False}], ids=str
)
def test_the_facts_are_those_of_the_checkpoint_itself(folder, behaviour):
    with hub(folder, **behaviour) as there:
        found = asked(there.url)
    assert found == read_checkpoint(folder, "owner/name")


def test_weights_are_not_fetched(folder):
    with hub(folder) as there:
        asked(there.url)
    assert there.sent_bytes < 2000


def test_every_shard_is_looked_into(folder):
    (folder / "model.safetensors").unlink()
    shards = {"a": "one.safetensors", "b": "two.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    for name, tensor in (("one", "a"), ("two", "b")):
        (folder / f"{name}.safetensors").write_bytes(header({tensor: TENSORS[tensor]}))
    with hub(folder) as there:
        found = asked(there.url)
    assert isinstance(found, ModelFacts)
    assert found.parameters == 864


def test_an_index_never_leads_out_of_the_repository(folder):
    shards = {"a": "../../etc/passwd"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with hub(folder) as there:
        found = asked(there.url)
    assert isinstance(found, Unknown)
    assert not any("passwd" in path for path, _ in there.seen)


def test_a_checkpoint_without_safetensors_is_known_to_be_pickled(folder):
    (folder / "model.safetensors").unlink()
    with hub(folder) as there:
        found = asked(there.url)
    assert isinstance(found, ModelFacts)
    assert found.is_pickled


def test_what_sentence_transformers_adds_is_read(folder):
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    (folder / "modules.json").write_text('[{"path": "2_Dense"}, {"path": "../3_Dense"}, 7]')
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text('{"out_features": 5}')
    with hub(folder) as there:
        found = asked(there.url)
    assert isinstance(found, ModelFacts)
    assert (found.advised_tokens, found.dimensions) == (32, 5)


@pytest.mark.parametrize(
    ("status", "words", "passes"),
    [
        (401, "holds no token", False),
        (403, "holds no token", False),
        (404, "no config.json", False),
        (429, "answers 429", True),
        (500, "answers 500", True),
    ],
)
def test_what_the_hub_refuses_is_said_with_its_reason(folder, status, words, passes):
    with hub(folder, status=status) as there:
        found = asked(there.url)
    assert isinstance(found, Unknown)
    assert words in found.why
    assert found.is_passing is passes


def test_a_revision_is_part_of_the_address(folder):
    with hub(folder) as there:
        found = asked(there.url, ModelSource(uri="hf://owner/name", revision="refs/pr/1"))
    assert isinstance(found, Unknown)
    assert there.seen[0][0] == "/owner/name/resolve/refs%2Fpr%2F1/config.json"


@pytest.mark.parametrize("start", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]"])
def test_a_broken_header_is_no_model(folder, start):
    (folder / "model.safetensors").write_bytes(start + b"x" * 20)
    with hub(folder) as there:
        found = asked(there.url)
    assert isinstance(found, Unknown)
    assert "safetensors" in found.why


def test_nobody_there_is_a_passing_trouble():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = asked(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
    assert isinstance(found, Unknown)
    assert found.is_passing
    assert "cannot be reached" in found.why


def test_other_schemes_are_not_opened():
    with pytest.raises(ValueError, match="neither http"):
        HttpFetch()("file:///etc/passwd", 0, 1)
