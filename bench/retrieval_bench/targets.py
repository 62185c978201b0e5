"""A server to load: where it is, what it speaks, and which processes it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from retrieval_bench.errors import BadTarget

SCHEMES = ("http", "https", "grpc")


@dataclass(frozen=True, slots=True)
class Target:
    """One server under one protocol.

    `model` None stands for `embedder` or `reranker`, whichever the dialect asks for. `pids` are the
    roots of its process trees on this machine. `template`, `answer` belong to the dialect `custom`,
    `input_name` to the Open Inference dialects. `headers` are sent with each request and kept out
    of every result, for they may hold keys.
    """

    name: str
    url: str
    dialect: str = "openai"
    model: str | None = None
    pids: tuple[int, ...] = ()
    template: str | None = None
    answer: str = ""
    input_name: str = "text"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def parts(self) -> SplitResult:
        """The URL in parts; a path beyond "/" replaces the one of the dialect.

        Raises:
            BadTarget: The URL lacks a scheme of `SCHEMES` or a host.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise BadTarget(f"{self.url!r} is no URL; write http://host:port, https:// or grpc://")
        return parts


def parse(words: Iterable[str], headers: tuple[tuple[str, str], ...] = ()) -> Target:
    """A target from `NAME URL key=value …`, as `compare --target` takes it.

    Raises:
        BadTarget: A word is missing, has no `=`, or has a key that targets lack.
    """
    match list(words):
        case [name, url, *pairs]:
            options = dict(_pair(pair) for pair in pairs)
        case _:
            raise BadTarget("a target is written NAME URL [key=value …]")
    pids = options.pop("pid", "")
    return Target(
        name=name,
        url=url,
        headers=headers,
        pids=tuple(_pid(pid) for pid in pids.split(",") if pid),
        **options,
    )


_KEYS = ("dialect", "model", "template", "answer", "input_name", "pid")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or key not in _KEYS:
        raise BadTarget(f"{text!r} is no option of a target; write one of {'=, '.join(_KEYS)}=")
    return key, value


def _pid(text: str) -> int:
    if not text.isdigit():
        raise BadTarget(f"{text!r} is no process number")
    return int(text)
