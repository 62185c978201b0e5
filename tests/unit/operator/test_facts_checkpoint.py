"""A checkpoint folder tells its facts through its small files; weights are not read."""

import json

import pytest

from retrieval_operator.facts import BrokenCheckpoint, Head, read_checkpoint
from retrieval_operator.spec.choices import Precision
from tests.support.planning import checkpoint, header

WEIGHTS = {"embeddings.weight": ("F16", [100, 8]), "layer.weight": ("F16", [8, 16])}


def test_the_header_gives_the_parameter_count_and_the_dtype(tmp_path):
    found = read_checkpoint(checkpoint(tmp_path, WEIGHTS, dtype="float32"))
    assert found.parameters == 928
    assert found.dtype is Precision.FP16


def test_integer_buffers_and_vocabulary_heads_are_no_loaded_parameters(tmp_path):
    extra = {"position_ids": ("I64", [1, 512]), "lm_head.weight": ("F16", [100, 8])}
    found = read_checkpoint(checkpoint(tmp_path, {**WEIGHTS, **extra}))
    assert found.parameters == 928


def test_shards_are_summed_through_the_index(tmp_path):
    folder = checkpoint(tmp_path)
    (folder / "a.safetensors").write_bytes(header({"x": ("BF16", [10, 10])}))
    (folder / "b.safetensors").write_bytes(header({"y": ("BF16", [5])}))
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = read_checkpoint(folder)
    assert found.parameters == 105
    assert found.dtype is Precision.BF16


def test_an_index_cannot_lead_out_of_the_folder(tmp_path):
    folder = checkpoint(tmp_path / "model")
    (tmp_path / "secret.safetensors").write_bytes(header({"x": ("F32", [1])}))
    index = {"weight_map": {"x": "../secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BrokenCheckpoint, match=r"model.secret\.safetensors: No such file"):
        read_checkpoint(folder)


def test_sentence_transformers_files_shorten_the_limit(tmp_path):
    folder = checkpoint(tmp_path, WEIGHTS)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    found = read_checkpoint(folder)
    assert (found.limit_tokens, found.advised_tokens) == (64, 32)


def test_a_dense_layer_after_the_pooling_sets_the_output_width(tmp_path):
    folder = checkpoint(tmp_path, WEIGHTS)
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text('{"out_features": 4}')
    assert read_checkpoint(folder).dimensions == 4


def test_roberta_loses_two_positions_to_its_padding(tmp_path):
    folder = checkpoint(tmp_path, WEIGHTS, model_type="xlm-roberta", max_position_embeddings=514)
    assert read_checkpoint(folder).limit_tokens == 512


def test_a_classifier_answers_with_one_number(tmp_path):
    folder = checkpoint(tmp_path, WEIGHTS, architectures=["BertForSequenceClassification"])
    found = read_checkpoint(folder)
    assert (found.dims.head, found.dimensions) == (Head.CLASSIFIER, 1)


def test_grouped_heads_and_head_width_are_read(tmp_path):
    folder = checkpoint(tmp_path, WEIGHTS, model_type="qwen3", num_key_value_heads=1, head_dim=16)
    dims = read_checkpoint(folder).dims
    assert (dims.kv_heads, dims.head_dim, dims.positions) == (1, 16, 0)


def test_names_of_other_families_are_understood(tmp_path):
    config = {"n_embd": 12, "n_layer": 3, "n_head": 4, "n_inner": 48, "model_type": "nomic_bert"}
    plain = {"hidden_size": None, "num_hidden_layers": None, "intermediate_size": None}
    folder = checkpoint(tmp_path, WEIGHTS, **plain, num_attention_heads=None, **config)
    dims = read_checkpoint(folder).dims
    assert (dims.hidden, dims.layers, dims.heads, dims.intermediate) == (12, 3, 4, 48)


def test_without_safetensors_the_family_formula_counts(tmp_path):
    folder = checkpoint(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"x" * 77)
    found = read_checkpoint(folder)
    assert found.parameters > 0
    assert found.is_pickled


def test_an_unknown_family_without_safetensors_cannot_be_counted(tmp_path):
    folder = checkpoint(tmp_path, model_type="brand-new")
    with pytest.raises(BrokenCheckpoint, match="no formula"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"model_type": "bert"}', "no vocab_size"),
    ],
    ids=["missing", "cut", "a list", "without sizes"],
)
def test_a_broken_config_is_named_with_its_path(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(BrokenCheckpoint, match=problem) as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_a_file_that_is_no_safetensors_is_named(tmp_path):
    folder = checkpoint(tmp_path)
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs")
    with pytest.raises(BrokenCheckpoint, match=r"model\.safetensors: header"):
        read_checkpoint(folder)
