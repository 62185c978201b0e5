"""Bearer keys: who may ask for vectors and scores, when keys are asked for at all.

Keys come from a file, one a line, or from a folder with such files, which is what a mounted Secret
is. They are read again when the mount changes. Only their digests are kept and compared, in
constant time, so neither time nor memory tells a key.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import structlog

from retrieval_predictor.errors import Unauthorised

log = structlog.get_logger(__name__)

_SCHEME = "bearer "
_LOOK_AGAIN_S = 1.0


class Keys:
    """The keys in force. `path` None asks nobody for one; the clock is monotonic seconds."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._looked_s = float("-inf")
        self._digests: tuple[bytes, ...] = ()

    @property
    def are_asked_for(self) -> bool:
        """Whether a request needs one."""
        return self._path is not None

    def check(self, headers: Mapping[str, str]) -> str | None:
        """The key that a request carries; None where none is asked for.

        Raises:
            Unauthorised: It carries none, or none of ours.
        """
        if self._path is None:
            return None
        self._look_again(self._path)
        sent = headers.get("authorization", "")
        key = sent[len(_SCHEME) :].strip()
        if sent[: len(_SCHEME)].lower() != _SCHEME or not self._is_known(key):
            raise Unauthorised
        return key

    def _is_known(self, key: str) -> bool:
        digest = _digest(key)
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0

    def _look_again(self, path: Path) -> None:
        now_s = self._clock()
        if now_s - self._looked_s < _LOOK_AGAIN_S:
            return
        self._looked_s = now_s
        try:
            digests = tuple(_digest(key) for key in read_keys(path))
        except (OSError, UnicodeDecodeError) as error:
            log.warning("api_keys_unreadable", cause=str(error), keys_in_force=len(self._digests))
            return
        if digests != self._digests:
            log.info("api_keys", count=len(digests))
            self._digests = digests


def read_keys(path: Path) -> Iterator[str]:
    """Every key of a file, or of the files of a folder; empty lines are none.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not text.
    """
    files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        yield from filter(None, map(str.strip, lines))


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "replace")).digest()
