"""Images as buildah makes them, in a store that is gone afterwards. Needs root, but no daemon.

The base is a Debian with its own Python, made here once, because a test has no registry to pull
from. Packages come from where pip of this machine finds them.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster.tools import cache_folder
from tests.support.documented import ROOT

BASE: Final = "localhost/python"
_RELEASE: Final = "bookworm"
_PACKAGES: Final = ("ca-certificates", "python-is-python3", "python3-pip", "python3-venv")
_CERTIFICATES: Final = Path("/etc/ssl/certs")
_NEEDED: Final = ("buildah", "mmdebstrap", "ip", "unshare", "setpriv")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its files, its OCI configuration, its layers' digests and its whole record."""

    root: Path
    config: dict[str, Any]
    layers: tuple[str, ...]
    record: str


def obstacle() -> str | None:
    """Why this machine cannot build images, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "images are built and started in namespaces, which only root of a Linux may make"
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    return f"images need {', '.join(missing)}: `make images` installs them" if missing else None


class Store:
    """Images and their layers in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pip_conf = folder / "pip.conf"
        self._pip_conf.write_text(_pip_conf())

    @property
    def marker(self) -> str:
        """Words that only the secret of a build holds."""
        return self._pip_conf.read_text().splitlines()[0]

    def build(self, name: str, context: Path = ROOT, *, in_layers: bool = False) -> Image:
        """Build `images/<name>.Dockerfile` of that folder; `in_layers` keeps one for each step."""
        dockerfile = context / "images" / f"{name}.Dockerfile"
        self._buildah(
            "build",
            "--isolation=chroot",
            f"--layers={str(in_layers).lower()}",
            f"--build-arg=PYTHON_IMAGE={BASE}",
            f"--secret=id=pip.conf,src={self._pip_conf}",
            f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro",
            f"--ignorefile={dockerfile}.dockerignore",
            f"--file={dockerfile}",
            f"--tag=localhost/{name}",
            str(context),
        )
        return self.image(f"localhost/{name}")

    def base(self) -> Image:
        """Import the Debian that the other images begin with."""
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(_debian()), "/")
        self._buildah("commit", "--rm", "--quiet", container, BASE)
        return self.image(BASE)

    def image(self, tag: str) -> Image:
        """An image as it is now; it stays mounted until the store is closed."""
        found = json.loads(self._buildah("inspect", "--type=image", tag))
        oci = found["OCIv1"]
        root = Path(self._buildah("mount", self._buildah("from", tag)))
        layers = tuple(oci["rootfs"]["diff_ids"])
        return Image(root, oci["config"], layers, json.dumps(found))

    def close(self) -> None:
        """Let go of every mount, so that the folder can be removed."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")

    def _buildah(self, command: str, *arguments: str) -> str:
        storage = (f"--root={self._folder / 'storage'}", f"--runroot={self._folder / 'run'}")
        done = subprocess.run(
            ("buildah", *storage, command, *arguments),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@contextmanager
def opened() -> Iterator[Store]:
    """A store in a folder of its own, which takes some 20 GB while a predictor is built."""
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        store = Store(Path(folder))
        try:
            yield store
        finally:
            store.close()


def _debian() -> Path:
    """An archive of the base's files, made with the package sources of this machine."""
    path = cache_folder() / "images" / f"{_RELEASE}-{'-'.join(_PACKAGES)}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            new = Path(scratch) / path.name
            chosen = ("--variant=minbase", f"--include={','.join(_PACKAGES)}")
            subprocess.run(("mmdebstrap", "--quiet", *chosen, _RELEASE, new), check=True)
            new.replace(path)
    return path


def _pip_conf() -> str:
    """What pip is told on this machine, by files and over them variables, below a line to find."""
    listed = subprocess.run(
        (sys.executable, "-m", "pip", "config", "list"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    by_files_first = sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:"))
    pairs = (line.partition("=")[::2] for line in by_files_first)
    told = {name.rpartition(".")[2]: ast.literal_eval(value) for name, value in pairs}
    options = (f"{name} = {value}" for name, value in told.items())
    return "\n".join((f"# {os.urandom(16).hex()}", "[global]", *options, ""))
