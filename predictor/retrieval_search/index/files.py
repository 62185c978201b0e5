"""Files that are either whole or not there, and what tells a damaged one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

from retrieval_search.errors import IndexCorrupt, IndexHalfPublished
from retrieval_search.index.manifest import FILE, FileFacts


def facts_of(folder: Path) -> dict[str, FileFacts]:
    """Size and checksum of every file below a folder but its manifest."""
    files = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != FILE)
    return {one.relative_to(folder).as_posix(): _facts(one) for one in files}


def _facts(file: Path) -> FileFacts:
    return FileFacts(file.stat().st_size, _sha256(file))


def check_sizes(folder: Path, files: Mapping[str, FileFacts]) -> None:
    """See that every file is there and as long as it was; costs no reading.

    Raises:
        IndexHalfPublished: One is missing.
        IndexCorrupt: One is shorter or longer.
    """
    for name, facts in files.items():
        try:
            size_bytes = (folder / name).stat().st_size
        except FileNotFoundError:
            raise IndexHalfPublished(str(folder), name) from None
        if size_bytes != facts.size_bytes:
            detail = f"{size_bytes} bytes, published with {facts.size_bytes}"
            raise IndexCorrupt(str(folder), name, detail)


def check_sums(folder: Path, files: Mapping[str, FileFacts]) -> None:
    """Read every file and compare its checksum.

    Raises:
        IndexCorrupt: One differs.
    """
    for name, facts in files.items():
        found = _sha256(folder / name)
        if found != facts.sha256:
            detail = f"sha256 {found[:12]}…, published with {facts.sha256[:12]}…"
            raise IndexCorrupt(str(folder), name, detail)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def settle(path: Path) -> None:
    """Have a file, or a folder and the files in it, on the disk and not in a cache of it."""
    if path.is_dir():
        for one in path.iterdir():
            settle(one)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by another in one step, whatever happens to this process meanwhile."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    settle(partial)
    partial.replace(path)
    settle_folder(path.parent)


def settle_folder(folder: Path) -> None:
    """Have a folder's list of names on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def warm(folder: Path, files: Mapping[str, FileFacts]) -> int:
    """Read files through once, so that the first queries find them in the page cache; bytes read.

    A mapped FAISS file is advised MADV_RANDOM and would come in 4 KiB at a time.
    """
    read_bytes, buffer = 0, bytearray(8 * 2**20)
    for name in files:
        with (folder / name).open("rb", buffering=0) as content:
            while size := content.readinto(buffer):
                read_bytes += size
    return read_bytes
