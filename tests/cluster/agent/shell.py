"""Short-lived programs such as `ip` and `mount`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable


class Failed(Exception):
    """A program ended with an error; the message has what it printed."""


class ProgramMissing(Exception):
    """Programs that an agent needs are not installed."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            f"a node agent needs {', '.join(names)}: install the packages iproute2 and util-linux"
        )


NEEDED = ("ip", "nsenter", "unshare", "mount", "setpriv", "chroot")


def check() -> None:
    """See that everything is there.

    Raises:
        ProgramMissing: Something is not.
    """
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise ProgramMissing(missing)


async def run(*command: str) -> str:
    """What the program printed.

    Raises:
        Failed: Its exit code is not 0.
    """
    code, output = await attempt(*command)
    if code:
        raise Failed(f"{' '.join(command)}: {output.strip()}")
    return output


async def attempt(*command: str) -> tuple[int, str]:
    """Its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")
