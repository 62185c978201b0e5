"""What the small files of a checkpoint decide, and which checkpoints are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from retrieval_predictor.errors import (
    ImpossibleSettings,
    ModelNotFound,
    UnsafeCheckpoint,
    UnsupportedModel,
)
from retrieval_predictor.model.checkpoint import read_checkpoint
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.model.load import load
from retrieval_predictor.model.precision import cpu_has_bf16, resolve
from retrieval_predictor.settings import ModelSource, Precision, Settings
from tests.support import checkpoints

CPU = torch.device("cpu")


def test_sentence_transformers_files_decide(tmp_path: Path):
    folder = checkpoints.sentence_files(
        checkpoints.bert(tmp_path), pooling="cls_token", prompts={"query": "q: "}, max_seq_length=77
    )
    checkpoint = read_checkpoint(folder, "file://x")
    assert checkpoint.pooling == ("cls",)
    assert checkpoint.normalise
    assert checkpoint.max_tokens == 77
    assert checkpoint.prompts == {"query": "q: "}


def test_a_bare_transformers_checkpoint_pools_by_the_mean(tmp_path: Path):
    checkpoint = read_checkpoint(checkpoints.bert(tmp_path), "file://x")
    assert (checkpoint.pooling, checkpoint.normalise) == (("mean",), False)


def test_positions_that_start_after_padding_are_not_counted(tmp_path: Path):
    checkpoint = read_checkpoint(checkpoints.xlm_roberta(tmp_path), "file://x")
    assert checkpoint.max_positions == 130 - 2


def test_an_unknown_module_is_refused_by_name(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path))
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "3_LSTM", "type": "x.LSTM"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UnsupportedModel, match="module LSTM"):
        read_checkpoint(folder, "file://x")


def test_pickled_weights_are_refused_unless_allowed(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    weights = next(folder.glob("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    weights.unlink()
    with pytest.raises(UnsafeCheckpoint, match=r"only pytorch_model\.bin.*allowPickle: true"):
        load(Settings(model={"uri": f"file://{folder}"}), tmp_path)


def test_an_input_limit_beyond_the_models_positions_is_refused(tmp_path: Path):
    folder = checkpoints.xlm_roberta(tmp_path / "model")
    settings = Settings(model={"uri": f"file://{folder}"}, max_input_tokens=129)
    with pytest.raises(ImpossibleSettings, match="129 is above the 128 positions"):
        load(settings, tmp_path)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file:///nowhere", "has no config.json"),
        ("builtin://gpt-4", "built in are: all-MiniLM-L6-v2"),
        ("s3://bucket/model", "storage initialiser"),
        ("ftp://host/model", "must start with"),
    ],
)
def test_an_address_without_a_model_says_what_to_do(uri: str, message: str):
    with pytest.raises(ModelNotFound, match=message):
        fetch(ModelSource(uri=uri))


def test_a_folder_that_is_there_already_wins_over_the_address(tmp_path: Path):
    folder = checkpoints.bert(tmp_path)
    assert fetch(ModelSource(uri="hf://BAAI/bge-m3", path=folder)) == folder


def test_half_precision_is_refused_on_a_cpu():
    with pytest.raises(ImpossibleSettings, match="fp16 needs a GPU"):
        resolve(Precision.FP16, CPU, None)


def test_a_cpu_computes_in_bf16_only_where_it_has_instructions_for_it(tmp_path: Path):
    (tmp_path / "zen5").write_text("flags\t\t: fpu avx512f avx512_bf16\n")
    (tmp_path / "zen3").write_text("flags\t\t: fpu avx2\n")
    assert cpu_has_bf16(tmp_path / "zen5")
    assert not cpu_has_bf16(tmp_path / "zen3")
    assert not cpu_has_bf16(tmp_path / "missing")


def test_a_checkpoint_without_tokenizer_json_gets_one(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    (folder / "tokenizer.json").rename(tmp_path / "kept.json")
    vocabulary = json.loads((tmp_path / "kept.json").read_text())["model"]["vocab"]
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    card = load(Settings(model={"uri": f"file://{folder}"}), tmp_path).card
    assert Path(card.tokenizer_path) == tmp_path / "tokenizer.json"
