"""Answer what computes ahead of the routes of another application.

A router tries its patterns one after another and copies the request's scope; here a path is looked
up. The paths are known because a pod serves one model under one name.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

_ALIAS = "/openai/v1/"
"""Where KServe's own server has what others have under /v1/."""


class Ahead:
    """An application that answers a POST to these paths itself and leaves the rest to another.

    A known path asked with another method is left to it too, which then says what is allowed.
    """

    def __init__(self, posts: Mapping[str, ASGIApp], otherwise: ASGIApp) -> None:
        self._posts = posts
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI 3 has it."""
        if scope["type"] == "http" and scope["path"].startswith(_ALIAS):
            path = scope["path"].removeprefix("/openai")
            scope = {**scope, "path": path, "raw_path": path.encode()}
        answer = self._otherwise
        if scope["type"] == "http" and scope["method"] == "POST":
            answer = self._posts.get(scope["path"], answer)
        await answer(scope, receive, send)
