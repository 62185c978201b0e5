"""Versions are swapped under load, rolled back, and refused, without a failed request."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.foreign_services import foreign_services
from tests.support.indices import CORPUS, build, passages, run_index, write_jsonl
from tests.support.searching import searching


class Load:
    """Clients that ask one query after another until they are told to stop."""

    def __init__(self, url, clients=4):
        self._url = url
        self._stop = threading.Event()
        self.versions, self.failed = [], []
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=60) as client:
            number = 0
            while not self._stop.is_set():
                number = (number + 1) % 100
                answer = client.post("/v1/search", json={"query": CORPUS[number]["text"]})
                body = answer.json()
                if answer.status_code == 200 and body["results"][0]["id"] == f"p{number}":
                    self.versions.append(body["version"])
                else:
                    self.failed.append(answer.text)


@pytest.fixture(scope="module")
def built(tmp_path_factory, services):
    """An index whose second version has another kind and more passages; the first is served."""
    parent = tmp_path_factory.mktemp("versions")
    folder = parent / "index"
    first = write_jsonl(parent / "first.jsonl", CORPUS)
    second = write_jsonl(parent / "second.jsonl", passages(900))
    assert build(first, folder, services).returncode == 0
    assert build(second, folder, services, "--aside", "--kind", "HNSW_SQ8").returncode == 0
    return folder


@pytest.fixture
def shelf(tmp_path, built):
    """A copy that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "index"))


def serves(version):
    return lambda info: info["index"].get("version") == version


def test_a_swap_and_a_rollback_under_load_fail_no_request(tmp_path, shelf, services):
    chosen = {"embedder__url": services, "workers": 2}
    with searching(tmp_path / "run", shelf, **chosen) as service, Load(service.url) as load:
        for version in (2, 1, 2):
            before = len(load.versions)
            run_index("use", shelf, version)
            service.wait_for(serves(version))
            end_s = time.monotonic() + 30
            while len(load.versions) < before + 40 and time.monotonic() < end_s:
                time.sleep(0.05)
    assert load.failed == []
    assert {1, 2} == set(load.versions)
    assert load.versions[-1] == 2


def test_a_version_that_is_damaged_leaves_the_served_one(tmp_path, shelf, services):
    shelf.joinpath("versions", "2", "vectors.faiss").write_bytes(b"rubbish")
    with searching(tmp_path / "run", shelf, embedder__url=services) as service:
        run_index("use", shelf, 2)
        info = service.wait_for(lambda info: info["index"]["refused_version"])
        assert "vectors.faiss" in info["index"]["refused_version"]
        assert service.search(CORPUS[1]["text"]).json()["version"] == 1
        assert "retrieval_search_refused_versions_total" in service.get("/metrics").text
        run_index("use", shelf, 1)
        service.wait_for(lambda info: info["index"]["refused_version"] is None)


def test_a_version_of_another_space_is_not_swapped_in(tmp_path, shelf, services):
    source = write_jsonl(tmp_path / "other.jsonl", CORPUS[:50])
    with foreign_services(salt="other") as other:
        assert build(source, shelf, other, "--aside").returncode == 0
    with searching(tmp_path / "run", shelf, embedder__url=services) as service:
        run_index("use", shelf, 3)
        info = service.wait_for(lambda info: info["index"]["refused_version"])
        assert "cosine" in info["index"]["refused_version"]
        assert service.search("a").json()["version"] == 1


def test_an_old_version_can_be_deleted_while_another_is_served(tmp_path, shelf, services):
    with searching(tmp_path / "run", shelf, embedder__url=services) as service:
        run_index("use", shelf, 2)
        service.wait_for(serves(2))
        shutil.rmtree(shelf / "versions" / "1")
        assert service.search(CORPUS[3]["text"]).json()["results"][0]["id"] == "p3"


def test_a_killed_index_process_comes_back_and_no_answer_is_wrong(tmp_path, shelf, services):
    with searching(tmp_path / "run", shelf, embedder__url=services) as service:
        with Load(service.url) as load:
            time.sleep(1)
            _kill(service, "retrieval_search.engine")
            time.sleep(1)
            service.wait_for(lambda info: info["phase"] == "ready")
            before = len(load.versions)
            while len(load.versions) < before + 20:
                time.sleep(0.05)
        assert all("error" in text for text in load.failed)
        assert service.search(CORPUS[3]["text"]).status_code == 200


def test_a_killed_api_worker_comes_back(tmp_path, shelf, services):
    with searching(tmp_path / "run", shelf, embedder__url=services) as service:
        _kill(service, "retrieval_search.edge")
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            try:
                if service.search(CORPUS[3]["text"]).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        assert service.search(CORPUS[3]["text"]).status_code == 200


def test_a_drained_service_answers_what_it_has_and_ends(tmp_path, shelf, services):
    chosen = {"embedder__url": services, "drain_delay_s": 1}
    with searching(tmp_path / "run", shelf, **chosen) as service:
        service.process.send_signal(signal.SIGTERM)
        service.wait_for(lambda info: info["phase"] == "draining")
        assert service.get("/health").status_code == 503
        answer = service.search(CORPUS[3]["text"])
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert service.process.wait(timeout=30) == 0


def test_eight_workers_hold_one_copy_of_the_index(tmp_path, services):
    folder = tmp_path / "index"
    source = write_jsonl(tmp_path / "many.jsonl", passages(4000))
    assert build(source, folder, services).returncode == 0
    size = sum(one.stat().st_size for one in folder.glob("versions/1/**/*") if one.is_file())
    with searching(tmp_path / "run", folder, embedder__url=services, workers=8) as service:
        for passage in passages(4000)[::25]:
            service.search(passage["text"], top_k=100)
        mapped = [_mapped(pid, folder) for pid in _pids(service)]
    assert sum(proportional for proportional, _ in mapped) <= 1.1 * size
    assert sum(private_dirty for _, private_dirty in mapped) == 0


def _pids(service):
    return [one.pid for one in psutil.Process(service.process.pid).children(recursive=True)]


def _kill(service, module):
    for pid in _pids(service):
        if module in " ".join(psutil.Process(pid).cmdline()):
            os.kill(pid, signal.SIGKILL)
            return
    raise AssertionError(f"no process runs {module}")


def _mapped(pid, folder):
    """Proportional and private dirty bytes of the maps of files in a folder, by proc(5)."""
    proportional = dirty = 0
    is_ours = False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss" and is_ours:
            proportional += int(rest.split()[0]) * 1024
        elif name == "Private_Dirty" and is_ours:
            dirty += int(rest.split()[0]) * 1024
        elif "-" in name.split(" ")[0]:
            is_ours = str(folder) in line
    return proportional, dirty
