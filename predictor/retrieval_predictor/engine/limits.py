"""Batching limits that change while the engine serves, from a file that somebody else writes.

The file is JSON with any of `maxBatchTokens`, `maxBatchSize`, `maxQueueTokens`,
`maxQueueWaitMilliseconds` and `maxQueueDelayMilliseconds`; what it leaves out is as it was at
start. A ConfigMap mounted as a folder is such a file: the kubelet swaps a link, so a reader sees
the old file or the new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from retrieval_predictor.errors import ImpossibleSettings
from retrieval_predictor.settings import Batching

log = structlog.get_logger(__name__)


class _Limits(Batching):
    """`Batching` under the names that the RetrievalService has for it."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")


class LimitsFile:
    """The limits in force. `planned` is what the engine started, and was warmed up, with."""

    def __init__(self, path: Path | None, planned: Batching) -> None:
        self._path = path
        self._planned = planned
        self._seen: tuple[int, int, int] | None = None
        self.problem: str | None = None
        self.batching = planned

    def look(self, longest_tokens: int) -> bool:
        """Whether other limits are in force than at the last look; texts are at most so long.

        A file that cannot be used changes nothing; `problem` says why, for people.
        """
        if self._path is None or not self._is_new(self._path):
            return False
        before = self.batching
        try:
            self.batching = read_limits(self._path.read_bytes(), self._planned, longest_tokens)
            self.problem = None
        except (OSError, ImpossibleSettings) as error:
            self.problem = str(error)
            log.warning("limits_refused", path=str(self._path), cause=self.problem)
        return self.batching != before

    def _is_new(self, path: Path) -> bool:
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            seen = (0, 0, 0)
        is_new, self._seen = seen != self._seen, seen
        return is_new


def read_limits(content: bytes, planned: Batching, longest_tokens: int) -> Batching:
    """The limits that a file asks for.

    Raises:
        ImpossibleSettings: It is not such a file, or asks for batches that were never tried or
            that the longest text does not fit in.
    """
    known = {to_camel(name): value for name, value in planned.model_dump().items()}
    asked = Batching(**_checked({**known, **_parsed(content)}).model_dump())
    if asked.max_batch_tokens > planned.max_batch_tokens:
        raise ImpossibleSettings(
            f"maxBatchTokens {asked.max_batch_tokens} is above {planned.max_batch_tokens}, for "
            "which memory was planned and the model warmed up; restart with the larger number"
        )
    if asked.max_batch_tokens < longest_tokens:
        raise ImpossibleSettings(
            f"maxBatchTokens {asked.max_batch_tokens} is below maxInputTokens {longest_tokens}: "
            "raise it or restart with a lower maxInputTokens"
        )
    return asked


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ImpossibleSettings(f"the limits are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ImpossibleSettings("the limits are not a JSON object")
    return value


def _checked(values: dict[str, Any]) -> _Limits:
    try:
        return _Limits.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise ImpossibleSettings(f"limits: {name}: {problem['msg']}") from None
