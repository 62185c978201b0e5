"""A cluster to try things on by hand: `python -m tests.cluster up`, `status`, `down`.

`tests.cluster.keeper` in the background holds the servers and ends them when it is asked to.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.cluster import tools
from tests.cluster.nodes import SHAPES

STATE: Final = "ready.json"
"""What the keeper writes into its folder once the cluster is usable."""
_NODES: Final = ("l4", "l4", "a100", "mig-mixed", "time-sliced", "cpu")
_UP_LIMIT_S: Final = 3600.0  # the first time it builds everything from source
_DOWN_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    chosen = _parser().parse_args(arguments)
    folder = tools.cache_folder() / "cluster"
    if chosen.command == "up":
        return _up(folder, chosen)
    return _down(folder) if chosen.command == "down" else _status(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it")
    up.add_argument("--kserve", choices=("minimal", "full", "none"), default="full")
    up.add_argument("--nodes", nargs="*", choices=SHAPES, default=_NODES, metavar="NODE")
    commands.add_parser("down", help="end it and forget its data")
    commands.add_parser("status", help="say how to reach it")
    return parser


def _up(folder: Path, chosen: argparse.Namespace) -> int:
    if _keeper(folder) is not None:
        print("it runs already")
        return _status(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.cluster.keeper", str(folder), chosen.kserve]
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [*command, *chosen.nodes],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + _UP_LIMIT_S
    while _keeper(folder) is None:
        if keeper.poll() is not None or time.monotonic() > deadline_s:
            print((folder / "keeper.log").read_text(), file=sys.stderr)
            return 1
        time.sleep(_POLL_S)
    return _status(folder)


def _down(folder: Path) -> int:
    keeper = _keeper(folder)
    if keeper is not None:
        os.kill(keeper, signal.SIGTERM)
        deadline_s = time.monotonic() + _DOWN_LIMIT_S
        while _keeper(folder) is not None and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
    shutil.rmtree(folder, ignore_errors=True)
    print("nothing runs" if keeper is None else "ended")
    return 0


def _status(folder: Path) -> int:
    if _keeper(folder) is None:
        print("nothing runs: make cluster starts it")
        return 1
    state = json.loads((folder / STATE).read_text())
    print(f"export KUBECONFIG={state['kubeconfig']}")
    folders = dict.fromkeys(str(tools.ensure(name).parent) for name in ("kubectl", "helm"))
    print(f"export PATH={':'.join(folders)}:$PATH")
    servers = ", ".join(f"{name} {pid}" for name, pid in state["servers"].items())
    print(f"# ready after {state['seconds']} s; processes: {servers}")
    print(f"# nodes: {', '.join(state['nodes'])}")
    print(
        "# the operator runs: kubectl apply -f manifests/quickstart.yaml; kubectl get rsvc --watch"
    )
    print("# nodes are played: pods are scheduled and become Ready there, and never answer")
    print(f"# logs: {folder}; make cluster-down ends it")
    return 0


def _keeper(folder: Path) -> int | None:
    """The process id of the keeper where it still is one."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(json.loads((folder / STATE).read_text())["keeper"])
        if b"tests.cluster.keeper" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


if __name__ == "__main__":
    sys.exit(main())
