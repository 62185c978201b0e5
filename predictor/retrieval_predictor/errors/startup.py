"""What keeps the service from starting; whoever configured it changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from retrieval_predictor.errors.root import RetrievalError


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
class NotEnoughMemory(StartupError):
    """The model, or the largest batch that it may get, does not fit in memory."""

    code: ClassVar[str] = "not_enough_memory"
    stage: str
    device: str
    max_batch_tokens: int
    detail: str

    def __str__(self) -> str:
        return (
            f"{self.device} ran out of memory while {self.stage}, with batches of "
            f"{self.max_batch_tokens} tokens ({self.detail}); lower batching.maxBatchTokens or "
            "maxInputTokens, ask for a smaller precision, or give it more memory"
        )


@dataclass(eq=False)
class ImpossibleSettings(StartupError):
    """Two settings contradict each other."""

    code: ClassVar[str] = "impossible_settings"
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class PreparationRefused(StartupError):
    """The process that prepared the model found that it cannot be served as configured."""

    code: ClassVar[str] = "preparation_refused"
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class PortTaken(StartupError):
    """Another process listens where this one should."""

    code: ClassVar[str] = "port_taken"
    port: int

    def __str__(self) -> str:
        return (
            f"port {self.port} is taken by another process; end that, or choose another port by "
            "RETRIEVAL_HTTP_PORT or RETRIEVAL_GRPC_PORT"
        )
