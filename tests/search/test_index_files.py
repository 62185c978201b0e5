"""What is not a whole index of ours is refused, and says why."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from retrieval_search.errors import (
    AnotherSpace,
    IndexCorrupt,
    IndexForeign,
    IndexHalfPublished,
    IndexMissing,
)
from retrieval_search.index.shelf import Shelf
from retrieval_search.index.space import Space, check_same
from retrieval_search.index.version import open_version
from tests.support.indices import run_index


@pytest.fixture
def folder(tmp_path, index):
    """A version that a test may damage."""
    shutil.copytree(index, tmp_path / "index")
    return Shelf(tmp_path / "index").path(1)


def test_a_file_that_is_missing_is_named(folder):
    folder.joinpath("vectors.npy").unlink()
    with pytest.raises(IndexHalfPublished, match=r"vectors\.npy"):
        open_version(folder)


def test_a_file_that_was_cut_is_refused_with_both_sizes(folder):
    file = folder / "passages.arrow"
    size = file.stat().st_size
    with file.open("r+b") as content:
        content.truncate(size - 10)
    with pytest.raises(IndexCorrupt, match=f"{size - 10} bytes, published with {size}"):
        open_version(folder)


def test_a_changed_byte_is_found_by_verify(folder):
    file = folder / "vectors.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    done = run_index("verify", folder.parents[1])
    assert done.returncode == 1
    assert "vectors.npy is damaged" in done.stderr


@pytest.mark.parametrize("name", ["vectors.npy", "passages.arrow", "filters.arrow", "canaries.npy"])
def test_rubbish_of_the_right_size_is_refused(folder, name):
    file = folder / name
    file.write_bytes(b"\x7f" * file.stat().st_size)
    with pytest.raises(IndexCorrupt):
        open_version(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "its format is None"),
        ('{"format": 99}', "its format is 99, this version reads 1"),
        ('{"format": 1}', "version"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(folder, content, words):
    folder.joinpath("manifest.json").write_text(content)
    with pytest.raises(IndexForeign, match=words):
        open_version(folder)


def test_a_count_that_does_not_agree_is_refused(folder):
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["count"] += 1
    file.write_text(json.dumps(manifest))
    with pytest.raises(IndexCorrupt, match="600 rows, the manifest has 601"):
        open_version(folder)


def test_a_pointer_to_nothing_lists_what_there_is(folder):
    shelf = Shelf(folder.parents[1])
    shelf.folder.joinpath("CURRENT").write_text("7\n")
    with pytest.raises(IndexMissing, match=r"names version '7'; there are: 1"):
        shelf.current()


def test_a_folder_without_an_index_is_refused(tmp_path):
    assert "nothing was published there" in run_index("info", tmp_path).stderr


def test_another_space_is_refused_with_both_names_and_the_cosine():
    rng = np.random.default_rng(0)
    first = Space("one@1/8/aa", rng.standard_normal((4, 8)).astype(np.float32))
    second = Space("two@1/8/bb", rng.standard_normal((4, 8)).astype(np.float32))
    with pytest.raises(AnotherSpace, match=r"one@1/8/aa.*two@1/8/bb.*cosine"):
        check_same(first, second)


def test_another_precision_is_the_same_space():
    vectors = np.random.default_rng(0).standard_normal((4, 384)).astype(np.float32)
    half = vectors.astype(np.float16).astype(np.float32)
    assert check_same(Space("a", vectors), Space("b", half)) > 0.9999
