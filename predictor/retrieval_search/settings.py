"""Every knob of a search service, read once from RETRIEVAL_* variables at start."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from retrieval_predictor.settings import Auth, Count, Limits, Port, Slice
from retrieval_search.ranking.fusion import RRF_K, Fusion, Method
from retrieval_search.services.connection import Service
from retrieval_search.services.embedder import Embedder, Protocol
from retrieval_search.services.reranker import Reranker


class EmbedderAddress(Slice):
    """Who makes vectors of queries."""

    url: str | None = Field(None, description="Address; None searches by words and given vectors.")
    model: str = Field("embedder", description="Name of its model on the wire.")
    protocol: Protocol = Field(Protocol.V2, description="v2 or openai.")
    key_file: Path | None = Field(None, description="File with its bearer key.")


class RerankerAddress(Slice):
    """Who orders the candidates."""

    url: str | None = Field(None, description="Address; None never reranks.")
    model: str = Field("reranker", description="Name of its model on the wire.")
    key_file: Path | None = Field(None, description="File with its bearer key.")


class Defaults(Slice):
    """What a query means that does not say; and how much it may ask for."""

    candidates: Annotated[int, Field(ge=1, le=10_000)] = Field(
        100, description="Passages that each leg finds and the reranker orders."
    )
    max_candidates: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1000, description="Most candidates that a query may ask for."
    )
    max_effort: Count = Field(4096, description="Most lists or graph candidates a query may ask.")
    fusion: Method = Field(Method.RRF, description="rrf or dbsf.")
    rrf_k: Count = Field(RRF_K, description="Constant of RRF.")
    dense_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="Weight of vectors.")
    words_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="Weight of words.")
    rerank_required: bool = Field(
        default=True, description="Answer 503 while the reranker is away; false answers without."
    )

    @property
    def usual_fusion(self) -> Fusion:
        """The fusion of a query that does not say."""
        return Fusion(self.fusion, self.rrf_k, self.dense_weight, self.words_weight)


class Gathering(Slice):
    """How queries come together, and how many may wait."""

    max_batch_size: Count = Field(64, description="Queries in one search of the index.")
    max_queue_wait_milliseconds: Annotated[int, Field(ge=0, le=600_000)] = Field(
        1000, description="Wait at the measured rate above which queries get 429; 0 is no bound."
    )


class Settings(BaseSettings):
    """The whole configuration of one search service."""

    model_config = SettingsConfigDict(
        env_prefix="RETRIEVAL_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    served_name: str = Field("search", description="Name of the index on the wire.")
    index: Path = Field(description="Folder of the index.")
    embedder: EmbedderAddress = EmbedderAddress()
    reranker: RerankerAddress = RerankerAddress()
    defaults: Defaults = Defaults()
    gathering: Gathering = Gathering()
    limits: Limits = Limits(max_body_bytes=2**20)
    auth: Auth = Auth()
    workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="API worker processes.")
    threads: Annotated[int, Field(ge=0, le=256)] = Field(
        0, description="Searches at a time, a core each; 0 takes every core that may be used."
    )
    warm: bool = Field(default=True, description="Read an index through before it is served.")
    look_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        1.0, description="Seconds between two looks for another version to serve."
    )
    space_check_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        30.0, description="Seconds between two looks whether the embedder is still the index's."
    )
    engine_silence_s: Annotated[float, Field(ge=2, le=3600)] = Field(
        60.0, description="Seconds without a sign of life after which the index is restarted."
    )
    drain_delay_s: Annotated[float, Field(ge=0, le=300)] = Field(
        0.0, description="Seconds between turning unready and refusing work on SIGTERM."
    )
    drain_timeout_s: Annotated[float, Field(ge=0, le=600)] = Field(
        30.0, description="Seconds that requests in flight get to finish on SIGTERM."
    )
    http_port: Port = Field(8080, description="REST port.")
    runtime_dir: Path = Field(
        Path(tempfile.gettempdir()), description="Writable folder for socket and metrics."
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="debug, info, warning or error; debug has a line for each request."
    )
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = Field(
        "json", description="json or console."
    )


def embedder_of(settings: Settings) -> Embedder | None:
    """The embedder that is named; None where none is."""
    chosen = settings.embedder
    if chosen.url is None:
        return None
    service = Service(chosen.url, _key(chosen.key_file))
    return Embedder(service, chosen.model, chosen.protocol)


def reranker_of(settings: Settings) -> Reranker | None:
    """The reranker that is named; None where none is."""
    chosen = settings.reranker
    if chosen.url is None:
        return None
    return Reranker(Service(chosen.url, _key(chosen.key_file)), chosen.model)


def _key(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8").strip()
