"""Foreign services and a small index, for every test of this folder."""

from __future__ import annotations

import pytest

from tests.support.foreign_services import foreign_services
from tests.support.indices import CORPUS, build, write_jsonl


@pytest.fixture(scope="session")
def services():
    """The address of an embedder and a reranker that are not ours."""
    with foreign_services() as url:
        yield url


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A JSON Lines file with 600 passages."""
    return write_jsonl(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", CORPUS)


@pytest.fixture(scope="session")
def index(tmp_path_factory, corpus, services):
    """An index of the corpus; not to be changed."""
    folder = tmp_path_factory.mktemp("index")
    done = build(corpus, folder, services)
    assert done.returncode == 0, done.stderr
    return folder
