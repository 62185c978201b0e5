"""Every knob of the operator process, read once from the environment at start.

`RETRIEVAL_OPERATOR_WORKERS=8` here is `settings.workers` in the code and `operator.workers` in the
chart's values.
"""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from retrieval_operator.errors import AuthorError, SpecError
from retrieval_operator.facts import DEFAULT_ENDPOINT
from retrieval_operator.render.context import DOMAIN_TEMPLATE, default_image
from retrieval_operator.spec import Defaults, parse_defaults

PREFIX: Final = "RETRIEVAL_OPERATOR_"
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(eq=False)
class BadSettings(AuthorError):
    """The environment holds an unknown variable of ours, or a value out of its bounds."""

    code: ClassVar[str] = "BadSettings"
    problem: str

    def __str__(self) -> str:
        return self.problem


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    CONSOLE = "console"


def _own_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


class Settings(BaseSettings):
    """The operator's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Namespaces to serve, separated by commas. Empty: the whole cluster.",
    )
    predictor_image: str = Field(
        default_factory=default_image,
        min_length=1,
        description="Image of the predictor that InferenceServices run.",
    )
    prometheus_url: str | None = Field(
        default=None,
        description="Where KEDA finds Prometheus. Empty: autoscaling uses HPA objects.",
    )
    domain_template: str = Field(
        default=DOMAIN_TEMPLATE,
        min_length=1,
        description="`ingress.domainTemplate` of KServe's inferenceservice-config; a service whose "
        "hosts it would make too long is refused.",
    )
    predictor_defaults: Annotated[Defaults, NoDecode] = Field(
        default=Defaults(),
        description="What the pods of every service get, as JSON; an object's own word wins.",
    )
    hub_lookup: bool = Field(
        default=True,
        description="Ask a model hub about hf:// models that are neither listed nor described.",
    )
    hub_endpoint: str = Field(
        default_factory=lambda: os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT,
        pattern=r"^https?://",
        description="The hub, or a mirror of it. Default: HF_ENDPOINT, else huggingface.co.",
    )
    hub_timeout_seconds: float = Field(
        default=10.0,
        ge=1,
        le=60,
        description="Seconds one look-up at the hub may take, all its requests together.",
    )
    workers: int = Field(default=4, ge=1, le=64, description="Objects reconciled at a time.")
    resync_seconds: int = Field(
        default=600,
        ge=10,
        le=86_400,
        description="Seconds until all is compared with the cluster again, and passed over.",
    )
    node_debounce_seconds: float = Field(
        default=5.0,
        ge=0,
        le=300,
        description="Seconds to wait for further changes of nodes before plans are looked at.",
    )
    api_timeout_seconds: float = Field(
        default=15.0, ge=1, le=120, description="Seconds one request to the API server may take."
    )
    stall_seconds: float = Field(
        default=120.0,
        ge=30,
        le=3600,
        description="Seconds without news, or without a pass that is due, until /healthz is red.",
    )
    leader_election: bool = Field(
        default=True, description="Take a Lease before writing, so that two replicas can run."
    )
    lease_name: str = Field(
        default="retrieval-operator", min_length=1, max_length=253, description="Lease to take."
    )
    lease_namespace: str = Field(
        default_factory=_own_namespace,
        min_length=1,
        description="Namespace of the Lease. Default: that of the pod.",
    )
    lease_seconds: int = Field(
        default=15,
        ge=3,
        le=300,
        description="Seconds after which a replica that stopped renewing has lost the Lease.",
    )
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}_{os.getpid()}",
        min_length=1,
        description="Name of this replica in the Lease. Default: host name and process.",
    )
    http_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - probes and Prometheus come from outside the pod
        description="Address that /healthz, /readyz and /metrics listen on.",
    )
    http_port: int = Field(
        default=8080, ge=0, le=65_535, description="Port of /healthz, /readyz and /metrics."
    )
    log_format: LogFormat = Field(
        default=LogFormat.JSON, description="json, or console for a terminal."
    )

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, written: object) -> object:
        if isinstance(written, str):
            return tuple(sorted({name for part in written.split(",") if (name := part.strip())}))
        return written

    @field_validator("predictor_defaults", mode="before")
    @classmethod
    def _defaults(cls, written: object) -> object:
        try:
            return parse_defaults(written) if isinstance(written, str) else written
        except SpecError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _stall_is_longer_than_silence(self) -> Settings:
        """A replica that is slower than its lease would be red for nothing."""
        if self.stall_seconds < self.lease_seconds:
            raise ValueError(
                f"stall_seconds ({self.stall_seconds:g}) must be at least lease_seconds "
                f"({self.lease_seconds}): raise the one or lower the other"
            )
        return self


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment.

    Raises:
        BadSettings: A variable with our prefix is unknown, or a value is out of its bounds.
    """
    known = {variable(name) for name in Settings.model_fields}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadSettings(f"no setting {', '.join(unknown)}{hint}")
    try:
        return Settings()
    except ValidationError as error:
        lines = (_line(one["loc"], one["msg"]) for one in error.errors())
        raise BadSettings("; ".join(lines)) from error


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def table() -> tuple[tuple[str, str, str], ...]:
    """Every setting for the documentation: variable, default, meaning."""
    return tuple(
        (variable(name), _default(field.get_default()), str(field.description))
        for name, field in Settings.model_fields.items()
    )


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or value in ((), Defaults()):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(loc: tuple[int | str, ...], message: str) -> str:
    where = variable(str(loc[0])) if loc else PREFIX.rstrip("_")
    return f"{where}: {message}"
