"""A checkpoint is found wherever a cluster or a laptop leaves it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval_predictor.errors import ModelNotFound, UnsupportedModel
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import ModelSource, Settings
from tests.support import checkpoints, make


def model_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("scheme", ["pvc", "s3", "gs", "oci"])
def test_what_the_storage_initialiser_left_is_served(scheme: str, tmp_path: Path):
    mounted = model_in(tmp_path / "models")
    assert fetch(ModelSource(uri=f"{scheme}://claim/bge", path=mounted)) == mounted


@pytest.mark.parametrize(
    "inner",
    ["bge", "team/bge", "models--BAAI--bge-m3/snapshots/5617a9f61b028005a4858fdac845db406aefb181"],
)
def test_a_folder_with_one_model_below_it_is_that_model(inner: str, tmp_path: Path):
    wanted = model_in(tmp_path / inner)
    model_in(wanted / "1_Pooling")
    assert fetch(ModelSource(uri="s3://bucket/prefix", path=tmp_path)) == wanted
    assert fetch(ModelSource(uri=f"file://{tmp_path}")) == wanted


def test_of_several_models_one_has_to_be_named(tmp_path: Path):
    for name in ("bge", "e5"):
        model_in(tmp_path / name)
    with pytest.raises(ModelNotFound, match=r"holds 2 models \(bge, e5\); name one"):
        fetch(ModelSource(uri=f"file://{tmp_path}"))


def test_an_address_with_a_space_in_it_is_read_as_one(tmp_path: Path):
    wanted = model_in(tmp_path / "my models")
    assert fetch(ModelSource(uri=f"file://{tmp_path}/my%20models")) == wanted


FETCH = """
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.settings import ModelSource
print(fetch(ModelSource(uri="hf://owner/name")))
"""


def test_a_cached_repository_is_served_without_a_network(tmp_path: Path):
    commit = "5617a9f61b028005a4858fdac845db406aefb181"
    cache = tmp_path / "models--owner--name"
    wanted = model_in(cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(wanted)


def test_weights_in_several_files_are_read(tmp_path: Path):
    whole, parts = checkpoints.bert(tmp_path / "whole"), checkpoints.bert(tmp_path / "parts")
    checkpoints.split_weights(parts)
    assert len([*parts.glob("*.safetensors")]) > 1
    text = make.batch(make.encoded((12,), vocabulary=250))
    got, wanted = (
        load(Settings(model={"uri": f"file://{one}"}), tmp_path).runner.run(text)
        for one in (parts, whole)
    )
    np.testing.assert_array_equal(got, wanted)


def test_a_model_with_code_of_its_own_is_refused_by_name(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    config = (folder / "config.json").read_text()
    own = '"model_type": "new", "auto_map": {"AutoConfig": "configuration.NewConfig"}'
    (folder / "config.json").write_text(config.replace('"model_type": "bert"', own))
    with pytest.raises(UnsupportedModel, match=r"no model type 'new'.*trustRemoteCode: true"):
        load(Settings(model={"uri": f"file://{folder}"}), tmp_path)


def test_a_model_type_that_nobody_knows_is_refused_by_name(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"bert"', '"alien"'))
    with pytest.raises(UnsupportedModel, match="model type `alien`"):
        load(Settings(model={"uri": f"file://{folder}"}), tmp_path)
