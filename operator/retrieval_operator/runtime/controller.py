"""Passes over one object after another: the workers, what an error in a pass means, and the end.

The one seam of the runtime: `reconcile`, a callable on a key that runs in a worker's thread and
says whether and when it wants to be called again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog

from retrieval_operator.errors import ClusterError, ClusterUnavailable, LeadershipLost, NotFound
from retrieval_operator.runtime.kinds import Key
from retrieval_operator.runtime.workqueue import Done, Failed, Outcome, Workqueue

Reconcile = Callable[[Key], Outcome]
"""One pass; a ClusterError asks for another one."""

_FINISH_S: Final = 2.0
"""How long passes in progress get when the operator stops, and background tasks half of it."""

log = structlog.get_logger()


class Controller:
    """Calls `reconcile` for keys of the queue, in threads, while `may_pass` allows it.

    `passed` hears the result and the seconds of each pass; `last_pass_s` is when one ended last.
    """

    def __init__(
        self,
        queue: Workqueue[Key],
        reconcile: Reconcile,
        may_pass: Callable[[Key], bool],
        passed: Callable[[str, float], None],
        workers: int,
    ) -> None:
        self.last_pass_s = 0.0
        self._queue = queue
        self._reconcile = reconcile
        self._may_pass = may_pass
        self._passed = passed
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, "pass")

    async def run(
        self,
        stop: asyncio.Event,
        beside: Sequence[Coroutine[Any, Any, None]],
        resign: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Work until told to stop, with these loops beside; then finish passes and resign."""
        background = [asyncio.create_task(one) for one in beside]
        workers = [asyncio.create_task(self._queue.work(self._pass)) for _ in range(self._workers)]
        try:
            await _first_of(stop, [*background, *workers])
        finally:
            await self._stop([*workers, *background], resign)

    async def _stop(
        self,
        tasks: Sequence[asyncio.Task[None]],
        resign: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        log.info("stopping", running=self._queue.running)
        self._queue.clear()
        await _at_most(_FINISH_S, self._queue.idle())
        for task in tasks:
            task.cancel()
        await _at_most(_FINISH_S / 2, resign())
        await _at_most(_FINISH_S / 2, _ended(tasks))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _pass(self, key: Key) -> Outcome:
        """One pass in a thread; whatever goes wrong in it becomes an outcome."""
        if not self._may_pass(key):
            return Done()  # it is passed over once that changes
        began_s = time.monotonic()
        loop = asyncio.get_running_loop()
        outcome, result = await loop.run_in_executor(self._threads, self._judged, key)
        self.last_pass_s = loop.time()
        self._passed(result, time.monotonic() - began_s)
        return outcome

    def _judged(self, key: Key) -> tuple[Outcome, str]:
        try:
            outcome = self._reconcile(key)
        except LeadershipLost:
            return Done(), "lost"
        except NotFound:
            return Done(), "done"  # deleted during the pass; its event is on the way
        except ClusterUnavailable as error:
            log.warning("pass put off", key=str(key), error=str(error))
            return Failed(error.retry_after_s), "retried"
        except ClusterError as error:
            log.warning("pass refused", key=str(key), error=str(error))
            return Failed(), "refused"
        except Exception:  # one object must never stop the others
            log.exception("pass failed", key=str(key))
            return Failed(), "failed"
        return outcome, "retried" if isinstance(outcome, Failed) else "done"


async def _at_most(seconds: float, work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _first_of(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait to be told to stop; a task that ends is a bug of ours, and is raised."""
    told = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {told}:
            task.result()
            raise AssertionError("a part of the operator ended by itself; this is a bug")
    finally:
        told.cancel()
