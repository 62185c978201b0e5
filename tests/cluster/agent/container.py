"""One container: started, probed, restarted with growing pauses, and stopped.

Source: kubelet pkg/kubelet/kuberuntime (order of a stop, exit codes), pkg/kubelet/prober.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from retrieval_operator.spec.quantity import Quantity
from tests.cluster.agent import probing, sandbox, status
from tests.cluster.agent.cgroups import Cgroup
from tests.cluster.agent.environment import MissingReference
from tests.cluster.agent.probing import Probe, Tally
from tests.cluster.agent.sandbox import Sandbox
from tests.cluster.agent.shell import attempt
from tests.cluster.agent.status import Condition, terminated, waiting

_LONGEST_BACKOFF_S = 300.0
_LOG_TAIL_BYTES = 2048
_IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff")


class NoImage(Exception):
    """No registry has the image."""


@dataclass(frozen=True, slots=True)
class Start:
    """Everything that one start of a container takes."""

    command: list[str]
    environment: Mapping[str, str]
    sandbox: Sandbox


class Owner(Protocol):
    """The pod that a container belongs to."""

    address: str
    network_namespace: str
    grace_s: float
    restart_policy: str
    backoff_s: float
    session: aiohttp.ClientSession

    async def prepare(self, container: Container, cgroup: Cgroup) -> Start:
        """What to start; raises NoImage and MissingReference."""

    def changed(self) -> None:
        """The container's condition is another."""

    def tell(self, kind: str, reason: str, message: str) -> None:
        """Record an event."""


class Container:
    """One container of a pod; `condition` is always current."""

    def __init__(self, spec: Mapping[str, Any], owner: Owner, folder: Path) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.condition = Condition(self.name, spec.get("image", ""))
        self.log = folder / f"{self.name}.log"
        self._owner = owner
        self._folder = folder
        self._cgroup_name = f"{owner.network_namespace}-{self.name}"
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False

    async def run(self, *, until_success: bool = False) -> int:
        """Run it as often as the pod's restart policy wants; the last exit code."""
        policy, backoff_s = self._owner.restart_policy, self._owner.backoff_s
        while True:
            code = await self._run_once(is_probed=not until_success)
            is_done = code == 0 and (until_success or policy == "OnFailure")
            if is_done or policy == "Never" or self._is_stopping:
                return code
            self.condition.last = self.condition.state
            if self.condition.restarts:  # the first restart is at once
                await self._back_off(backoff_s)
                backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)
            self.condition.restarts += 1

    async def stop(self, grace_s: float) -> None:
        """End it for good: its `preStop` hook, SIGTERM, and SIGKILL when the grace is over."""
        self._is_stopping = True
        await self._end(grace_s)

    async def execute(self, command: list[str]) -> tuple[int, str]:
        """Run a command in the container's namespaces and root."""
        pid = str(self.condition.pid)
        return await attempt("nsenter", "--target", pid, "--all", "--root", "--", *command)

    async def _run_once(self, *, is_probed: bool) -> int:
        memory = (self.spec.get("resources") or {}).get("limits", {}).get("memory")
        limit_bytes = int(Quantity.parse(str(memory)).value) if memory else None
        cgroup = Cgroup(self._cgroup_name, limit_bytes)
        try:
            start = await self._prepared(cgroup)
            started = status.now()
            process = await self._start(start)
            probes = asyncio.ensure_future(self._probe()) if is_probed else None
            try:
                code = await process.wait()
            finally:
                if probes:
                    probes.cancel()
                cgroup.kill()
            code = 128 - code if code < 0 else code
            self._ended(code, started, cgroup)
            return code
        finally:
            await cgroup.close()

    async def _prepared(self, cgroup: Cgroup) -> Start:
        """Wait for whatever the container needs; its state says what is missing."""
        reasons = iter(_IMAGE_REASONS)
        while True:
            try:
                return await self._owner.prepare(self, cgroup)
            except NoImage as error:
                self._wait_for(next(reasons, _IMAGE_REASONS[-1]), str(error))
            except MissingReference as error:
                self._wait_for("CreateContainerConfigError", str(error))
            await asyncio.sleep(self._owner.backoff_s)

    async def _start(self, start: Start) -> asyncio.subprocess.Process:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous"))
        is_set_up, held_until_then = os.pipe()
        with self.log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *sandbox.wrapped(start.sandbox, start.command),
                env=dict(start.environment),
                stdin=held_until_then,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(held_until_then)
        await asyncio.to_thread(os.read, is_set_up, 1)
        os.close(is_set_up)
        condition = self.condition
        condition.pid = self._process.pid
        condition.state = {"running": {"startedAt": status.now()}}
        condition.is_started = "startupProbe" not in self.spec
        condition.is_ready = condition.is_started and "readinessProbe" not in self.spec
        self._owner.tell("Normal", "Started", f"Started container {self.name}")
        self._owner.changed()
        return self._process

    def _ended(self, code: int, started: str, cgroup: Cgroup) -> None:
        reason = "Completed" if code == 0 else "Error"
        if cgroup.was_out_of_memory:
            reason = "OOMKilled"
        wants_log = self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        message = self._log_tail() if code and wants_log else ""
        self.condition.state = terminated(code, reason=reason, started=started, message=message)
        self.condition.is_ready = self.condition.is_started = False
        self._owner.changed()

    def _log_tail(self) -> str:
        return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")

    def _wait_for(self, reason: str, message: str) -> None:
        self.condition.state = waiting(reason, message)
        self._owner.tell("Warning", "Failed", message)
        self._owner.changed()

    async def _back_off(self, backoff_s: float) -> None:
        message = f"back-off {backoff_s:g}s restarting failed container={self.name}"
        self.condition.state = waiting("CrashLoopBackOff", message)
        self._owner.tell("Warning", "BackOff", message)
        self._owner.changed()
        await asyncio.sleep(backoff_s)

    async def _before_stop(self) -> None:
        hook = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
        elif hook:
            once = Probe(hook, 0, 0, self._owner.grace_s, 1, 1)
            await self._failure(once)

    async def _probe(self) -> None:
        """Startup first; then readiness and liveness side by side."""
        await self._watch("startupProbe", self._is_up)
        self._is_up(is_good=True)
        await asyncio.gather(
            self._watch("readinessProbe", self._is_reachable),
            self._watch("livenessProbe", self._is_up),
        )

    async def _watch(self, kind: str, act: Callable[..., bool]) -> None:
        """Ask until `act`, which hears of every verdict, says that it is enough."""
        probe = probing.probe_of(self.spec, kind)
        if probe is None:
            return
        await asyncio.sleep(probe.initial_delay_s)
        tally = Tally(probe)
        while True:
            fault = await self._failure(probe)
            tally.add(is_good=fault is None)
            word = kind.removesuffix("Probe").capitalize()
            if fault is not None:
                self._owner.tell("Warning", "Unhealthy", f"{word} probe failed: {fault}")
            verdict = tally.verdict
            if verdict is not None and act(is_good=verdict) and kind != "livenessProbe":
                return
            if verdict is False and kind != "readinessProbe":
                await self._fail(word)
                return
            await asyncio.sleep(probe.period_s)

    def _is_up(self, *, is_good: bool) -> bool:
        """A startup is over with its first success; without readiness probe that is readiness."""
        condition = self.condition
        if is_good and not condition.is_started:
            condition.is_started = True
            condition.is_ready = "readinessProbe" not in self.spec
            self._owner.changed()
        return is_good

    def _is_reachable(self, *, is_good: bool) -> bool:
        if self.condition.is_ready != is_good:
            self.condition.is_ready = is_good
            self._owner.changed()
        return False

    async def _fail(self, word: str) -> None:
        message = f"Container {self.name} failed {word.lower()} probe, will be restarted"
        self._owner.tell("Normal", "Killing", message)
        # in a task of its own, because the end of the process ends the probes
        self._ending = asyncio.ensure_future(self._end(self._owner.grace_s))

    async def _end(self, grace_s: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError, ProcessLookupError):
            async with asyncio.timeout(grace_s):
                await self._before_stop()
                process.send_signal(signal.SIGTERM)
                await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def _failure(self, probe: Probe) -> Awaitable[str | None]:
        owner = self._owner
        return probing.failure(probe, self.spec, owner.address, owner.session, self.execute)
