"""What an engine's process keeps of freed memory goes back to the system."""

from __future__ import annotations

import os
from pathlib import Path

from retrieval_predictor.telemetry.memory import trim

PIECE_BYTES = 100_000
PIECES = 2_000


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_memory_between_pieces_that_are_still_used_is_given_back():
    pieces = [b"x" * PIECE_BYTES for _ in range(PIECES)]
    kept = pieces[::50]
    del pieces
    before_bytes = resident_bytes()
    trim()
    assert before_bytes - resident_bytes() > PIECES * PIECE_BYTES / 2
    assert all(piece[-1:] == b"x" for piece in kept)
