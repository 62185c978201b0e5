"""A built image started as a pod of ours: its user, its rights, its volumes, a read-only root.

The program is process 1 of its own process namespace and has a network without a way out. What
lies in the image stays as it was built. Not confined here: system calls (seccomp) and memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Final

import httpx

from tests.cluster.agent.sandbox import confined
from tests.images.store import Image

_CLONE_NEWNET: Final = 0x40000000  # sched.h
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_POLL_S: Final = 0.1
_HTTP_PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class Running:
    """The one container of a pod."""

    process: subprocess.Popen[bytes]
    log: Path

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask its HTTP port."""
        with self._network(), httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, f"http://127.0.0.1:{_HTTP_PORT}{path}", **more)

    def wait(self, until: Callable[[], bool], limit_s: float) -> None:
        """Return once it says so; fails with the log where the program ends first, or too late."""
        end_s = time.monotonic() + limit_s
        while not _answers(until):
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise AssertionError(f"ended, or not there in {limit_s} s:\n{self.log.read_text()}")
            time.sleep(_POLL_S)

    def status(self) -> dict[str, str]:
        """What the kernel says about process 1: its user, its rights and more (proc(5))."""
        lines = Path(f"/proc/{self._first()}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def stop(self) -> int:
        """Ask process 1 to end, as the kubelet does; its exit status."""
        os.kill(self._first(), signal.SIGTERM)
        return self.process.wait(timeout=60)

    def _first(self) -> int:
        """Process 1 of the pod, as this machine counts."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    @contextmanager
    def _network(self) -> Iterator[None]:
        own, other = (Path(f"/proc/{pid}/ns/net") for pid in ("self", self._first()))
        with own.open() as before, other.open() as inside:
            _enter(inside.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())


@contextmanager
def started(
    image: Image, spec: Mapping[str, Any], folder: Path, files: Mapping[str, Mapping[str, str]]
) -> Iterator[Running]:
    """The container of a PodSpec; `files` has each ConfigMap's texts by its volume's name."""
    (container,) = spec["containers"]
    told = dict(one.split("=", 1) for one in image.config["Env"])
    told |= {one["name"]: one["value"] for one in container["env"]}
    command = [*image.config["Entrypoint"], *image.config.get("Cmd", ())]
    namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation=private")
    log, scratch = folder / "log", folder / "scratch"
    scratch.mkdir()
    sources = {name: _written(folder / name, texts) for name, texts in files.items()}
    script = _script(image.root, spec, scratch, sources)
    with log.open("wb") as output:
        process = subprocess.Popen(
            (
                *("unshare", *namespaces, "sh", "-ec", script, "sh"),
                *("env", "-i", *(f"{name}={value}" for name, value in told.items()), *command),
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait()


def _written(folder: Path, texts: Mapping[str, str]) -> Path:
    """The folder of a ConfigMap, which everybody may read."""
    folder.mkdir()
    folder.chmod(0o755)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def _script(image: Path, spec: Mapping[str, Any], scratch: Path, files: Mapping[str, Path]) -> str:
    """Shell commands that build the container's view and become its program."""
    (container,) = spec["containers"]
    root = scratch / "root"
    layers = f"lowerdir={image},upperdir={scratch}/upper,workdir={scratch}/work"
    lines = [
        "ip link set lo up",
        f"mount -t tmpfs tmpfs {scratch}",
        f"mkdir {scratch}/upper {scratch}/work {root}",
        f"mount -t overlay overlay -o {layers} {root}",
        f"mount --rbind /dev {root}/dev",
        f"mount -t proc proc {root}/proc",
        *(line for one in container["volumeMounts"] for line in _mount(one, root, files)),
        f"mount -o remount,bind,ro {root}",
    ]
    return "\n".join((*lines, f'exec chroot {root} {_rights(spec, container)} "$@"'))


def _mount(mount: Mapping[str, Any], root: Path, files: Mapping[str, Path]) -> list[str]:
    """A ConfigMap's folder, or else an emptyDir, which the kubelet makes for everybody to write."""
    place = quote(f"{root}{mount['mountPath']}")
    if source := files.get(mount["name"]):
        how = [f"mount --bind {quote(str(source))} {place}", f"mount -o remount,bind,ro {place}"]
    else:
        how = [f"mount -t tmpfs -o mode=0777 tmpfs {place}"]
    return [f"mkdir -p {place}", *how]


def _rights(spec: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """The rights that the restricted profile leaves; a pod that does not ask for it fails."""
    own = container["securityContext"]
    assert own["readOnlyRootFilesystem"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not own["allowPrivilegeEscalation"]
    return confined({**spec["securityContext"], **own})


def _enter(network: int) -> None:
    if _LIBC.setns(network, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _answers(until: Callable[[], bool]) -> bool:
    try:
        return until()
    except (OSError, ValueError, httpx.TransportError):
        return False
