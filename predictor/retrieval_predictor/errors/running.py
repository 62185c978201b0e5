"""What goes wrong while requests are served, through no fault of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from retrieval_predictor.errors.root import RetrievalError


@dataclass(eq=False)
class Overloaded(RetrievalError):
    """The queue is full; the same request can succeed later."""

    code: ClassVar[str] = "overloaded"
    tokens: int
    queued_tokens: int
    limit_tokens: int
    retry_after_s: float

    def __str__(self) -> str:
        return (
            f"{self.queued_tokens} tokens are queued, {self.tokens} more would pass the limit of "
            f"{self.limit_tokens}; retry in {self.retry_after_s:.0f} s"
        )


@dataclass(eq=False)
class WorkerFull(RetrievalError):
    """An API worker has as much in hand as it may; the same request can succeed later."""

    code: ClassVar[str] = "worker_full"
    requests: int
    held_bytes: int
    limit_requests: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"this worker has {self.requests} requests of {self.held_bytes} bytes in hand, the "
            f"limits are {self.limit_requests} and {self.limit_bytes}; retry in a second, or add "
            "workers or pods"
        )


@dataclass(eq=False)
class DeadlineExceeded(RetrievalError):
    """The caller's time ran out before the device was free."""

    code: ClassVar[str] = "deadline_exceeded"
    waited_s: float

    def __str__(self) -> str:
        return f"the request waited {self.waited_s:.3f} s and its deadline has passed"


@dataclass(eq=False)
class Unavailable(RetrievalError):
    """This pod cannot answer now; another one may."""


@dataclass(eq=False)
class NotReady(Unavailable):
    """The model is not loaded and warm yet."""

    code: ClassVar[str] = "not_ready"
    state: str

    def __str__(self) -> str:
        return f"the model is not ready yet ({self.state}); retry in a few seconds"


@dataclass(eq=False)
class EngineLost(Unavailable):
    """The engine went away while it held the request."""

    code: ClassVar[str] = "engine_lost"

    def __str__(self) -> str:
        return "the engine stopped while it held this request; it is being restarted, retry"


@dataclass(eq=False)
class DeviceLost(Unavailable):
    """The device cannot be used any more by the process that has it."""

    code: ClassVar[str] = "device_lost"
    detail: str

    def __str__(self) -> str:
        return f"the device failed ({self.detail}); the engine is being restarted, retry"


@dataclass(eq=False)
class ModelFailure(RetrievalError):
    """The forward pass failed; nothing the caller sent explains it."""

    code: ClassVar[str] = "model_failure"
    detail: str

    def __str__(self) -> str:
        return f"the model failed ({self.detail}); the predictor's log has the cause"


@dataclass(eq=False)
class NonFinite(ModelFailure):
    """The model's output for a text is NaN or infinite."""

    code: ClassVar[str] = "non_finite"
    detail: str = "its output is not finite"


@dataclass(eq=False)
class OutOfDeviceMemory(ModelFailure):
    """One text alone needs more memory than the device has left."""

    code: ClassVar[str] = "out_of_device_memory"
    detail: str = "one text alone does not fit in device memory"
