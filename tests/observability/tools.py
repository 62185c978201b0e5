"""Prometheus and promtool, built from their pinned Go module into the cache of the cluster tools.

`python -m tests.observability.tools` builds what is missing; tests do so too. Only static and file
service discovery is built in: the clients of twenty clouds would double the build.
Source of the tag: prometheus/prometheus, documentation of `plugins`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster.tools import NoCompiler, Program, path_of

MODULE: Final = Path(__file__).parent / "tools" / "prometheus"
_COMMANDS: Final = "github.com/prometheus/prometheus/cmd"
PROMETHEUS: Final = Program("prometheus", MODULE, f"{_COMMANDS}/prometheus")
PROMTOOL: Final = Program("promtool", MODULE, f"{_COMMANDS}/promtool")
_FLAGS: Final = ("-tags=remove_all_sd", "-trimpath", "-ldflags=-s -w")


def made(program: Program) -> Path:
    """The path of a program, built now if it is missing. A cold build takes minutes.

    Raises:
        NoCompiler: It is missing and there is no Go.
    """
    path = path_of(program)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            new = Path(scratch) / program.name
            subprocess.run(
                (_compiler(), "build", *_FLAGS, "-o", str(new), program.package),
                cwd=program.module,
                env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
                check=True,
            )
            # a rename is atomic, so two builders at once are harmless
            new.replace(path)
    return path


def _compiler() -> str:
    places = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    found = shutil.which("go", path=places)
    if found is None:
        raise NoCompiler
    return found


def main() -> None:
    """Build both and say where they lie."""
    for program in (PROMETHEUS, PROMTOOL):
        sys.stdout.write(f"{program.name}: {made(program)}\n")


if __name__ == "__main__":
    main()
