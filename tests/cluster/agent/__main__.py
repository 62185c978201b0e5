"""`python -m tests.cluster.agent`: be a node until SIGTERM.

It needs root, iproute2 and util-linux. Once the node is Ready, the file `ready` in its folder has
its address. When the process is killed its pods end with it, as in a power cut.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp

from tests.cluster.agent import shell
from tests.cluster.agent.images import images_of
from tests.cluster.agent.kube import Kube
from tests.cluster.agent.logs import serve_logs
from tests.cluster.agent.node import Node, Options
from tests.cluster.agent.sandbox import closed_parents


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.agent", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="access as the node")
    parser.add_argument("--node", type=Path, required=True, help="the Node as JSON")
    parser.add_argument("--images", type=Path, required=True, help="images as JSON")
    parser.add_argument("--folder", type=Path, required=True, help="logs and volumes")
    parser.add_argument("--certificate", type=Path, required=True, help="of the log server")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--backoff-s", type=float, default=10.0, help="pause between restarts")
    parser.add_argument("--sync-s", type=float, default=60.0, help="between looks at volumes")
    asyncio.run(run(parser.parse_args()))


async def run(given: argparse.Namespace) -> None:
    """Be the node."""
    shell.check()
    options = Options(
        document=json.loads(given.node.read_text()),
        images=images_of(json.loads(given.images.read_text())),
        folder=given.folder,
        opened=closed_parents([Path(sys.executable), Path(__file__)]),
        backoff_s=given.backoff_s,
        sync_s=given.sync_s,
    )
    one_by_one = aiohttp.TCPConnector(force_close=True, limit=0)
    async with Kube(given.kubeconfig) as kube, aiohttp.ClientSession(connector=one_by_one) as http:
        node = Node(options, kube, http)
        await node.register()
        logs = await serve_logs(node.pods, node.network.gateway, given.certificate, given.key)
        (given.folder / "ready").write_text(node.network.gateway)
        await _until_told(node)
        await logs.cleanup()
        await node.close()


async def _until_told(node: Node) -> None:
    serving = asyncio.ensure_future(node.serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
