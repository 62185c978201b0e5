"""A process that holds texts tells of an exception where it came from, never what it said."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog

from retrieval_predictor.telemetry.logs import configure_logging

SECRET = "the merger closes in march"

pytestmark = pytest.mark.looptime(False)


@contextmanager
def logging_discreetly() -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    with redirect_stderr(io.StringIO()) as written:
        configure_logging("json", "debug", is_discreet=True)
        try:
            yield written
        finally:
            root.handlers = handlers
            root.setLevel(level)
            structlog.configure(**before)


def fail() -> None:
    raise ValueError(f"cannot read {SECRET!r}")


def test_our_own_events_do_not_quote_an_exception():
    log = structlog.get_logger("ours")
    with logging_discreetly() as written:
        try:
            fail()
        except ValueError as error:
            log.error("request_failed", exc_info=error)  # noqa: TRY400
            log.exception("request_failed")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["cause"] for line in lines] == ["ValueError", "ValueError"]
    assert lines[0]["at"][-1].endswith(" fail")
    assert SECRET not in written.getvalue()


def test_those_of_libraries_do_not_either():
    with logging_discreetly() as written:
        try:
            fail()
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    assert json.loads(written.getvalue())["cause"] == "ValueError"
    assert SECRET not in written.getvalue()


async def test_a_failed_callback_does_not_quote_its_arguments():
    failed = {"message": f"Exception in callback f({SECRET!r})", "exception": ValueError(SECRET)}
    with logging_discreetly() as written:
        asyncio.get_running_loop().call_exception_handler(failed)
    assert json.loads(written.getvalue())["event"] == "asyncio"
    assert SECRET not in written.getvalue()
