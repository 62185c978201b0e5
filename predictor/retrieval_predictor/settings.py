"""Every knob of the predictor, read once from the environment at start.

A knob has one name: `batching.maxBatchTokens` in the RetrievalService is
`RETRIEVAL_BATCHING__MAX_BATCH_TOKENS` here and `settings.batching.max_batch_tokens` in the code.
Numbers the operator plans have no clever default: started by hand they take the value written
here, and `/info` shows the value in force.
"""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

BUILTIN_URI = "builtin://all-MiniLM-L6-v2"

Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Component(StrEnum):
    """Which half of a RetrievalService this predictor is."""

    EMBEDDER = "embedder"
    RERANKER = "reranker"


class Precision(StrEnum):
    """The number format of weights and activations."""

    AUTO = "Auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


class Scoring(StrEnum):
    """How a reranker turns a query and a document into one number."""

    AUTO = "Auto"
    CROSS_ENCODER = "CrossEncoder"
    YES_NO = "YesNo"
    LATE_INTERACTION = "LateInteraction"
    BI_ENCODER = "BiEncoder"


class Slice(BaseModel):
    """A frozen group of settings; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSource(Slice):
    """Where the checkpoint comes from and how far it is trusted."""

    uri: str = Field(
        BUILTIN_URI,
        description="builtin://, hf://, file://, pvc://, s3://, gs:// or oci:// address.",
    )
    revision: str | None = Field(
        None, description="Commit of a hf:// model; None takes the newest."
    )
    path: Path | None = Field(
        None, description="Folder that already holds the checkpoint; wins over uri."
    )
    trust_remote_code: bool = Field(
        default=False, description="Run Python code that comes with the checkpoint."
    )
    allow_pickle: bool = Field(
        default=False, description="Load pickled weights, which can run code."
    )


class Batching(Slice):
    """What fits in one forward pass and what may wait for one."""

    max_batch_tokens: Count = Field(4096, description="Real tokens in one forward pass.")
    max_batch_size: Count = Field(256, description="Texts in one forward pass.")
    max_queue_tokens: Count = Field(
        262_144, description="Tokens that may wait in a lane; above it requests get 429."
    )
    max_queue_wait_milliseconds: Annotated[int, Field(ge=0, le=600_000)] = Field(
        2500,
        description="Time that what waits in a lane may take at the measured rate; above it "
        "requests get 429. 0 leaves max_queue_tokens alone.",
    )
    max_queue_delay_milliseconds: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Time an unfilled batch waits for company; 0 never waits."
    )


class Gpu(Slice):
    """The devices of this pod."""

    count: Annotated[int, Field(ge=0, le=16)] = Field(
        0, description="GPUs to use, one engine on each; 0 computes on the CPU."
    )
    memory_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Memory this process may take of the GPU; 0 takes what the GPU has."
    )


class Limits(Slice):
    """Bounds on one request, checked before it costs anything."""

    max_body_bytes: Count = Field(8 * 2**20, description="Bytes of a request body; above it 413.")
    max_texts: Count = Field(4096, description="Texts in one request; above it 413.")
    body_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="Seconds in which a request body has to arrive; after that 408."
    )
    head_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        10.0, description="Seconds in which a request's head has to arrive; after that 408."
    )
    answer_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0,
        description="Seconds in which an answer has to be read; after that its connection is "
        "closed.",
    )
    max_requests: Count = Field(
        4096, description="Requests that one API worker has in hand; above it 429."
    )
    max_held_bytes: Count = Field(
        64 * 2**20,
        description="Bytes of bodies and answers that one API worker has in hand; above it 429.",
    )


class Auth(Slice):
    """Who may ask. Health, metadata and metrics stay open."""

    api_keys_file: Path | None = Field(
        None,
        description="File with a bearer key a line, or folder of such files; None asks for none.",
    )


class Settings(BaseSettings):
    """The whole configuration of one predictor process group."""

    model_config = SettingsConfigDict(
        env_prefix="RETRIEVAL_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    component: Component = Field(Component.EMBEDDER, description="embedder or reranker.")
    served_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]+$", max_length=253)] | None = (
        Field(
            None,
            description="Model name on the wire, without a slash, because it stands in paths; None "
            "is the component's name.",
        )
    )
    model: ModelSource = ModelSource()
    precision: Precision = Field(Precision.AUTO, description="Auto, fp32, fp16 or bf16.")
    max_input_tokens: Annotated[int, Field(ge=8)] | None = Field(
        None, description="Tokens of one text; longer ones are cut. None is the checkpoint's limit."
    )
    accept_token_ids: bool = Field(
        default=False,
        description="Take token ids where an embedder takes texts; they have to be its own.",
    )
    prompts: dict[str, str] = Field(
        {}, description="Prompt texts by name; they replace the checkpoint's."
    )
    instruction: str | None = Field(
        None, description="Default instruction of a reranker that takes one."
    )
    scoring: Scoring = Field(
        Scoring.AUTO, description="How a reranker scores; Auto follows the checkpoint."
    )
    graph_cache: Path | None = Field(
        None,
        description="Folder that keeps models prepared for this CPU; None forgets them at the end.",
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="API worker processes.")
    threads: Annotated[int, Field(ge=0, le=256)] = Field(
        0, description="CPU threads of the engine; 0 takes the cores the workers leave."
    )
    batching: Batching = Batching()
    gpu: Gpu = Gpu()
    limits: Limits = Limits()
    limits_file: Path | None = Field(
        None,
        description="JSON file with batching limits that may change while serving; it wins over "
        "batching and is read again when it changes.",
    )
    auth: Auth = Auth()
    engines: Annotated[int, Field(ge=0, le=16)] = Field(
        0, description="Engine processes; 0 is one a GPU, or one on the CPU."
    )
    engine_silence_s: Annotated[float, Field(ge=2, le=3600)] = Field(
        60.0, description="Seconds without a sign of life after which an engine is restarted."
    )
    worker_silence_s: Annotated[float, Field(ge=2, le=3600)] = Field(
        30.0, description="Seconds without a sign of life after which an API worker is replaced."
    )
    cache_bytes: Annotated[int, Field(ge=0)] = Field(
        64 * 2**20, description="Memory for rows computed before; 0 computes every text anew."
    )
    planned_memory_bytes: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Memory the plan foresees; shown beside the measured figure.",
    )
    drain_delay_s: Annotated[float, Field(ge=0, le=300)] = Field(
        0.0, description="Seconds between turning unready and refusing work on SIGTERM."
    )
    drain_timeout_s: Annotated[float, Field(ge=0, le=600)] = Field(
        30.0, description="Seconds that requests in flight get to finish on SIGTERM."
    )
    http_port: Port = Field(8080, description="REST port.")
    grpc_port: Port = Field(8081, description="gRPC port.")
    runtime_dir: Path = Field(
        Path(tempfile.gettempdir()),
        description="Writable folder for the engine's socket and the metrics.",
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="debug, info, warning or error; debug has a line for each request."
    )
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = Field(
        "json", description="json or console."
    )

    @model_validator(mode="after")
    def _a_text_fits_in_a_batch(self) -> Settings:
        longest = self.max_input_tokens
        if longest is not None and longest > self.batching.max_batch_tokens:
            raise ValueError(
                f"max_input_tokens {longest} is above batching.max_batch_tokens "
                f"{self.batching.max_batch_tokens}: raise the second or lower the first"
            )
        return self

    @model_validator(mode="after")
    def _an_engine_a_gpu(self) -> Settings:
        if self.engines and self.gpu.count and self.engines != self.gpu.count:
            raise ValueError(
                f"engines {self.engines} with gpu.count {self.gpu.count}: an engine needs a GPU "
                "of its own; leave engines out"
            )
        return self

    @property
    def engine_count(self) -> int:
        """Engine processes of this predictor."""
        return self.engines or self.gpu.count or 1

    @property
    def name(self) -> str:
        """The model name on the wire."""
        return self.served_name or self.component.value
