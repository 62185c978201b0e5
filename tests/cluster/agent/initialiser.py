"""KServe's storage initialiser, as its image has it: the package, and what S3 needs of boto3.

It lies in a folder of its own and not in the environment of the tests, because nothing else needs
it; `ensure` installs it there once.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.cluster.tools import cache_folder

_PACKAGES: Final = (
    "kserve-storage==0.20.0",
    "boto3==1.44.5",
    "botocore==1.44.5",
    "jmespath==1.1.0",
    "s3transfer==0.19.3",
)
_START: Final = "import sys; from kserve_storage import Storage; Storage.download(*sys.argv[1:3])"
"""What the image's entrypoint does with one address and one folder."""


def image(path: str) -> dict[str, Any]:
    """The image, as `tests.cluster.agent.images` reads it; `path` is its PATH."""
    environment = {"PATH": path, "PYTHONPATH": str(_folder())}
    return {"entrypoint": [sys.executable, "-c", _START], "environment": environment}


def ensure() -> None:
    """Install it where it is missing, with the package index of this machine."""
    folder = _folder()
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / folder.name
        installer = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*installer, "--target", made, *_PACKAGES], check=True)
        made.replace(folder)


def _folder() -> Path:
    digest = hashlib.sha256(" ".join(_PACKAGES).encode()).hexdigest()[:16]
    return cache_folder() / f"storage-initialiser-{digest}"
