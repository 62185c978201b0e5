"""Everything this process raises on purpose, and who can act on it.

    RetrievalError
    ├── RequestError            the caller changes the request
    │   ├── Malformed               the body is not what the route takes
    │   ├── Unauthorised            no known bearer key
    │   ├── UnknownModel            another model is served here
    │   ├── BodyTooLarge            more bytes than the limit
    │   ├── BodyTooSlow             the body did not arrive in time
    │   ├── TooManyTexts            more texts than the limit
    │   ├── InputTooLong            a text over the limit, and truncation was refused
    │   └── OutOfVocabulary         a token id the model does not have
    ├── Overloaded              the caller waits
    ├── DeadlineExceeded        nobody waits any more
    ├── Unavailable             the router picks another pod
    │   ├── NotReady                the model is still loading
    │   ├── Draining                the process is about to stop
    │   ├── EngineLost              the engine died with the request on board
    │   └── DeviceLost              the device failed; the engine is restarted
    ├── ModelFailure            we fix the model or the machine
    │   ├── NonFinite               the model produced NaN or infinity
    │   └── OutOfDeviceMemory       one text alone does not fit
    └── StartupError            whoever configured the service changes it
        ├── ModelNotFound           nothing usable at the model's uri
        ├── UnsupportedModel        a checkpoint this version cannot serve
        ├── UnsafeCheckpoint        only pickled weights, and pickle was not allowed
        └── ImpossibleSettings      two settings contradict each other

Constructors take facts and the message is built from them, so that a log line, a metric label and
a test read the same numbers. `code` is stable and is what crosses the socket between processes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(eq=False)
class RetrievalError(Exception):
    """The root of the tree; only its leaves are raised."""

    code: ClassVar[str] = "error"

    def facts(self) -> dict[str, Any]:
        """The numbers and names this error was built from, by field name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(eq=False)
class RequestError(RetrievalError):
    """The same request will fail again; the caller has to change it."""


@dataclass(eq=False)
class Malformed(RequestError):
    """The body is not what the route takes."""

    code: ClassVar[str] = "malformed"
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class Unauthorised(RequestError):
    """The request carries no key that this service knows."""

    code: ClassVar[str] = "unauthorised"

    def __str__(self) -> str:
        return "a valid key is needed: send it as 'Authorization: Bearer KEY'"


@dataclass(eq=False)
class UnknownModel(RequestError):
    """Another model is served here."""

    code: ClassVar[str] = "unknown_model"
    asked: str
    served: str

    def __str__(self) -> str:
        return f"no model {self.asked!r} here; this predictor serves {self.served!r}"


@dataclass(eq=False)
class BodyTooLarge(RequestError):
    """The body has more bytes than the limit."""

    code: ClassVar[str] = "body_too_large"
    size_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"the body has {self.size_bytes} bytes or more, the limit is {self.limit_bytes}; "
            "send fewer texts a request"
        )


@dataclass(eq=False)
class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    code: ClassVar[str] = "body_too_slow"
    received_bytes: int
    limit_s: float

    def __str__(self) -> str:
        return (
            f"{self.received_bytes} bytes of the body arrived in {self.limit_s:.0f} s, which is "
            "the limit; send it faster"
        )


@dataclass(eq=False)
class TooManyTexts(RequestError):
    """The request has more texts than the limit."""

    code: ClassVar[str] = "too_many_texts"
    count: int
    limit: int

    def __str__(self) -> str:
        return f"{self.count} texts in one request, the limit is {self.limit}; split the request"


@dataclass(eq=False)
class InputTooLong(RequestError):
    """A text is over the limit and the caller asked not to cut it."""

    code: ClassVar[str] = "input_too_long"
    index: int
    tokens: int
    limit_tokens: int

    def __str__(self) -> str:
        return (
            f"input {self.index} has {self.tokens} tokens, the limit is {self.limit_tokens}; "
            "shorten it or allow truncation"
        )


@dataclass(eq=False)
class OutOfVocabulary(RequestError):
    """A token id that the model has no embedding for."""

    code: ClassVar[str] = "out_of_vocabulary"
    index: int
    token_id: int
    vocabulary_size: int

    def __str__(self) -> str:
        return (
            f"input {self.index} has token id {self.token_id}, "
            f"the vocabulary has ids 0 to {self.vocabulary_size - 1}"
        )


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
class Draining(Unavailable):
    """The process was told to stop and takes no new work."""

    code: ClassVar[str] = "draining"

    def __str__(self) -> str:
        return "this predictor is stopping; retry, another replica will answer"


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


@dataclass(eq=False)
class StartupError(RetrievalError):
    """The service cannot start as configured."""


@dataclass(eq=False)
class ModelNotFound(StartupError):
    """Nothing usable lies at the model's uri."""

    code: ClassVar[str] = "model_not_found"
    uri: str
    detail: str

    def __str__(self) -> str:
        return f"no model at {self.uri}: {self.detail}"


@dataclass(eq=False)
class UnsupportedModel(StartupError):
    """The checkpoint is readable, and this version cannot serve it as asked."""

    code: ClassVar[str] = "unsupported_model"
    uri: str
    detail: str

    def __str__(self) -> str:
        return f"cannot serve {self.uri}: {self.detail}"


@dataclass(eq=False)
class UnsafeCheckpoint(StartupError):
    """The checkpoint only has pickled weights, which can run code when they are loaded."""

    code: ClassVar[str] = "unsafe_checkpoint"
    uri: str
    files: str

    def __str__(self) -> str:
        return (
            f"{self.uri} has no safetensors weights, only {self.files}, which can run code when "
            "loaded; convert it, or set model.allowPickle: true if you trust it"
        )


@dataclass(eq=False)
class ImpossibleSettings(StartupError):
    """Two settings contradict each other."""

    code: ClassVar[str] = "impossible_settings"
    detail: str

    def __str__(self) -> str:
        return self.detail


def leaves(root: type[RetrievalError] = RetrievalError) -> Iterator[type[RetrievalError]]:
    """Every concrete error class below `root`, each once."""
    for child in root.__subclasses__():
        if "code" in child.__dict__:
            yield child
        yield from leaves(child)


def revive(code: str, facts: Mapping[str, Any]) -> RetrievalError:
    """Rebuild an error that crossed a process boundary as its code and facts."""
    by_code = {leaf.code: leaf for leaf in leaves()}
    return by_code[code](**facts)
