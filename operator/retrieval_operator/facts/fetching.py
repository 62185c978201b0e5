"""Get a range of a file over HTTP within a time limit: where `facts` opens its only sockets."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import IO, Final

from retrieval_operator.facts.hub import Answer

_USER_AGENT: Final = "retrieval-operator"


@dataclass(frozen=True, slots=True)
class HttpFetch:
    """Fetches http:// and https:// addresses.

    Redirects are followed, and the proxies of the environment are used.
    """

    timeout_s: float = 10.0

    def __call__(self, url: str, first: int, last: int) -> Answer:
        """Bytes `first` to `last` of `url`.

        Raises:
            OSError: Nobody answered within `timeout_s`.
            ValueError: The address is neither http:// nor https://.
        """
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url} is neither http:// nor https://")
        headers = {"Range": f"bytes={first}-{last}", "User-Agent": _USER_AGENT}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:  # noqa: S310
                return _answer(answer, first, last)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, b"", 0)


def _answer(answer: IO[bytes], first: int, last: int) -> Answer:
    """A server that ignores ranges sends everything: what was not asked for is skipped."""
    status, headers = answer.status, answer.headers  # type: ignore[attr-defined]
    if status == 200:
        answer.read(first)
    body = answer.read(last - first + 1)
    _, _, total = str(headers.get("Content-Range", "")).rpartition("/")
    size = total if total.isdigit() else str(headers.get("Content-Length", ""))
    return Answer(status, body, int(size) if size.isdigit() else len(body))
