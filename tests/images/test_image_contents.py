"""An image holds the pinned packages, a user, and nothing that only its build needed."""

from __future__ import annotations

import os
import re
import stat
from importlib.metadata import distributions
from pathlib import Path

from tests.images.store import Image, Store
from tests.support.documented import ROOT

OURS = "retrieval-service"
VENV = "opt/venv"
USERS = re.compile(r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|var/log/(lastlog|faillog)")
"""What useradd writes."""
PLACES = {"etc/hosts", "etc/resolv.conf"}
"""Where a builder mounts files of its own while a command runs."""


def canonical(name: str) -> str:
    """A package's name as every tool writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def site_packages(image: Image) -> Path:
    (found,) = (image.root / VENV).glob("lib/python3.*/site-packages")
    return found


def files(root: Path) -> dict[str, tuple[int, int, int]]:
    """Owner, mode and size of every file and link below a folder, by its path there."""
    found = {}
    for parent, _, names in os.walk(root):
        for name in names:
            path = Path(parent, name)
            status = path.lstat()
            found[str(path.relative_to(root))] = (status.st_uid, status.st_mode, status.st_size)
    return found


def test_every_package_is_the_pinned_one(image: Image):
    lines = (ROOT / "constraints.txt").read_text().split()
    pinned = {canonical(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    found = {
        canonical(one.metadata["Name"]): one.version
        for one in distributions(path=[str(site_packages(image))])
    }
    assert found.pop(OURS)
    assert found.items() <= pinned.items()


def test_a_build_adds_packages_and_a_user_and_nothing_else(image: Image, base: Image):
    before, after = files(base.root), files(image.root)
    others = {path for path in after if not path.startswith(f"{VENV}/")}
    changed = {path for path in others if after[path] != before.get(path)}
    assert {path for path in changed - PLACES if not USERS.fullmatch(path)} == set()
    assert before.keys() <= after.keys()


def test_what_installs_packages_is_not_among_them(image: Image):
    assert not [*site_packages(image).glob("pip*")]
    assert not [*(image.root / VENV / "bin").glob("pip*")]


def test_where_packages_came_from_is_not_kept(image: Image, store: Store):
    assert store.marker not in image.record
    assert not (image.root / "etc" / "pip.conf").exists()


def test_its_user_may_change_no_file(image: Image):
    for path, (owner, mode, _) in files(image.root / VENV).items():
        assert owner == 0, path
        assert stat.S_ISLNK(mode) or not mode & 0o022, path
