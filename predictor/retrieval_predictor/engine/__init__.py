"""The process that owns the device: it takes token ids from a socket and gives rows back."""

import tempfile
from pathlib import Path

EXIT_CONFIGURATION = 78
"""Exit status of an engine that cannot serve as configured: EX_CONFIG of sysexits(3)."""

EXIT_DEVICE = 69
"""Exit status of an engine whose device failed for good: EX_UNAVAILABLE of sysexits(3)."""


def graphs_of(socket: Path) -> Path:
    """Where an engine leaves files as large as a model: on a disk.

    The runtime folder is none: its files are memory in a pod.
    """
    return Path(tempfile.gettempdir()) / f"{socket.parent.name}.graphs"
