"""A terminal with helm, kubectl and our own commands, logged in to a lab.

Its folder has everything that the root of the repository has, and takes what commands write.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.cluster import tools
from tests.cluster.lab import Lab
from tests.support.documented import ROOT

_SHOWN: Final = ("charts", "images", "manifests")


class Terminal:
    """Runs command lines as somebody would who reads them in the documentation."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        programs = folder / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        for name in ("helm", "kubectl"):
            (programs / name).unlink(missing_ok=True)
            (programs / name).symlink_to(tools.ensure(name))
        self._folder = folder / "repository"
        self._folder.mkdir(exist_ok=True)
        for one in (ROOT / name for name in _SHOWN):
            (self._folder / one.name).unlink(missing_ok=True)
            (self._folder / one.name).symlink_to(one)
        ours = Path(sys.executable).parent
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{ours}:{os.environ['PATH']}",
            "HOME": str(folder),
            "KUBECONFIG": str(lab.kubeconfig),
        }

    def run(self, command: str, limit_s: float = 300.0) -> str:
        """What a command prints.

        Raises:
            AssertionError: It failed, and what it said.
        """
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout
