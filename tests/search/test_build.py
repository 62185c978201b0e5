"""An index is built from files, goes on where it was killed, and refuses what does not fit."""

from __future__ import annotations

import json
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retrieval_search.errors import AnotherBuild
from retrieval_search.index.shelf import Shelf
from retrieval_search.index.version import open_version
from tests.support.foreign_services import foreign_services
from tests.support.indices import CORPUS, build, build_command, passages, run_index, write_jsonl


def opened(folder):
    shelf = Shelf(folder)
    return open_version(shelf.path(shelf.current()))


def test_every_passage_is_in_the_index_in_its_order(index):
    version = opened(index)
    assert version.manifest.count == len(CORPUS)
    for row in (0, 123, 599):
        assert version.passages.at(row).text == CORPUS[row]["text"]
        assert dict(version.passages.at(row).metadata) == CORPUS[row]["metadata"]
    assert version.passages.row_of("p123") == 123
    assert version.passages.row_of("p-1") is None


def test_the_manifest_names_the_embedder_and_its_space(index):
    manifest = opened(index).manifest
    assert manifest.embedder.dimensions == 64
    assert manifest.space.startswith("embedder/64/")
    assert set(manifest.files) >= {"vectors.npy", "passages.arrow", "filters.arrow", "canaries.npy"}


def test_parquet_gives_the_same_passages(tmp_path, services):
    source = tmp_path / "some.parquet"
    pq.write_table(pa.Table.from_pylist(CORPUS[:50]), source)
    assert build(source, tmp_path / "index", services).returncode == 0
    version = opened(tmp_path / "index")
    assert [version.passages.at(row).id for row in range(50)] == [one["id"] for one in CORPUS[:50]]


def test_a_folder_of_markdown_is_cut_by_its_headings(tmp_path, services):
    folder = tmp_path / "docs"
    folder.mkdir()
    folder.joinpath("guide.md").write_text("# Guide\n\nHello there.\n\n## Setup\n\nRun it.\n")
    folder.joinpath("picture.png").write_bytes(b"\x89PNG")
    assert build(folder, tmp_path / "index", services).returncode == 0
    found = opened(tmp_path / "index").passages
    assert [(found.at(row).title, found.at(row).id) for row in range(found.count)] == [
        ("Guide", "guide.md#0"),
        ("Guide › Setup", "guide.md#1"),
    ]


def test_a_kill_during_a_build_loses_at_most_one_shard(tmp_path, services):
    source = write_jsonl(tmp_path / "many.jsonl", passages(3000))
    folder = tmp_path / "index"
    chosen = ("--shard-passages", "100", "--requests", "1")
    killed_at = []
    for want in (3, 12):
        process = subprocess.Popen(build_command(source, folder, services, *chosen))
        while len(list(folder.glob("building/*.arrow"))) < want:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
        killed_at.append(len(list(folder.glob("building/*.arrow"))))
    assert killed_at[1] >= killed_at[0] >= 3
    before = {one.name: one.stat().st_mtime_ns for one in folder.glob("building/*.arrow")}
    done = build(source, folder, services, *chosen)
    assert done.returncode == 0, done.stderr
    assert len(before) >= 12
    whole = tmp_path / "whole"
    assert build(source, whole, services).returncode == 0
    first, second = opened(folder), opened(whole)
    assert first.manifest.count == second.manifest.count == 3000
    assert (first.vectors.full == second.vectors.full).all()
    assert not folder.joinpath("building").exists()


def test_a_source_that_changed_is_noticed_when_a_build_goes_on(tmp_path, services):
    records = passages(400)
    source = write_jsonl(tmp_path / "some.jsonl", records)
    folder = tmp_path / "index"
    process = subprocess.Popen(
        build_command(source, folder, services, "--shard-passages", "20", "--requests", "1")
    )
    while not list(folder.glob("building/*.arrow")):
        time.sleep(0.005)
    process.kill()
    process.wait()
    records[0]["text"] = "something else entirely"
    write_jsonl(source, records)
    done = build(source, folder, services, "--shard-passages", "20")
    assert done.returncode == 1
    assert "shard 0" in done.stderr
    assert "--restart" in done.stderr
    assert build(source, folder, services, "--shard-passages", "20", "--restart").returncode == 0


def test_an_unfinished_build_is_not_continued_with_another_embedder(tmp_path, services):
    source = write_jsonl(tmp_path / "some.jsonl", passages(2000))
    folder = tmp_path / "index"
    process = subprocess.Popen(
        build_command(source, folder, services, "--shard-passages", "20", "--requests", "1")
    )
    while not list(folder.glob("building/*.arrow")):
        time.sleep(0.005)
    process.kill()
    process.wait()
    with foreign_services(salt="other") as other:
        done = build(source, folder, other, "--shard-passages", "20")
    assert done.returncode == 1
    assert "cosine" in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "record 2: not JSON"),
        ("[]", "record 2: not an object"),
        ('{"text": "a"}', "'id' is missing"),
        ('{"id": "x", "text": " "}', "'text' is missing or empty"),
        ('{"id": "x", "text": "a", "metadata": 3}', "'metadata' is no object"),
    ],
)
def test_a_record_that_is_no_passage_is_named(tmp_path, services, line, words):
    source = tmp_path / "bad.jsonl"
    source.write_text(json.dumps(CORPUS[0]) + "\n" + line + "\n")
    done = build(source, tmp_path / "index", services)
    assert done.returncode == 1
    assert words in done.stderr


def test_two_passages_with_one_id_are_refused(tmp_path, services):
    source = write_jsonl(tmp_path / "twice.jsonl", [CORPUS[0], CORPUS[1], CORPUS[0]])
    done = build(source, tmp_path / "index", services)
    assert done.returncode == 1
    assert "passages 1 and 3 both have id 'p0'" in done.stderr


def test_an_embedder_that_is_not_there_is_named(tmp_path, corpus):
    done = build(corpus, tmp_path / "index", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "the embedder at http://127.0.0.1:9 cannot be used" in done.stderr


def test_a_second_build_is_the_next_version_and_the_first_can_be_served_again(tmp_path, services):
    source = write_jsonl(tmp_path / "a.jsonl", CORPUS[:20])
    folder = tmp_path / "index"
    assert build(source, folder, services).returncode == 0
    assert build(source, folder, services, "--aside").returncode == 0
    assert Shelf(folder).versions() == [1, 2]
    assert Shelf(folder).current() == 1
    assert run_index("use", folder, 2).returncode == 0
    assert Shelf(folder).current() == 2
    refused = run_index("use", folder, 3)
    assert refused.returncode == 1
    assert "published versions: 1, 2" in refused.stderr
    assert "version 2 (served)" in run_index("info", folder).stdout


def test_the_error_of_another_build_has_both_values():
    words = str(AnotherBuild("there", "max_tokens", "200", "300"))
    assert "200" in words
    assert "300" in words
