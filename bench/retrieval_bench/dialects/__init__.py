"""The protocols this client speaks, by name."""

from __future__ import annotations

from collections.abc import Callable

from retrieval_bench.dialects.cohere import CohereRerank
from retrieval_bench.dialects.custom import custom
from retrieval_bench.dialects.inference import InferBinary, InferJson
from retrieval_bench.dialects.inference_grpc import InferGrpc
from retrieval_bench.dialects.openai import OpenAI
from retrieval_bench.dialects.tei import TeiEmbed, TeiRerank
from retrieval_bench.dialects.wire import Dialect
from retrieval_bench.errors import BadTarget, UnknownDialect
from retrieval_bench.targets import Target

_EMBEDDER = "embedder"
_RERANKER = "reranker"

_DIALECTS: dict[str, Callable[[Target], Dialect]] = {
    "openai": lambda t: OpenAI(t.model or _EMBEDDER, "float"),
    "openai-base64": lambda t: OpenAI(t.model or _EMBEDDER, "base64"),
    "oip-json": lambda t: InferJson(t.model or _EMBEDDER, scores=False, input_name=t.input_name),
    "oip-binary": lambda t: InferBinary(
        t.model or _EMBEDDER, scores=False, input_name=t.input_name
    ),
    "oip-grpc": lambda t: InferGrpc(t.model or _EMBEDDER, scores=False, input_name=t.input_name),
    "oip-json-rerank": lambda t: InferJson(t.model or _RERANKER, scores=True),
    "oip-binary-rerank": lambda t: InferBinary(t.model or _RERANKER, scores=True),
    "oip-grpc-rerank": lambda t: InferGrpc(t.model or _RERANKER, scores=True),
    "tei": lambda _: TeiEmbed(),
    "tei-rerank": lambda _: TeiRerank(),
    "rerank": lambda t: CohereRerank(t.model or _RERANKER),
    "custom": lambda t: custom(t.template, t.answer),
}

NAMES = tuple(_DIALECTS)


def speak(target: Target) -> Dialect:
    """The dialect that a target asks for.

    Raises:
        UnknownDialect: There is none of that name.
        BadTarget: The URL's scheme does not carry it, or its template is unusable.
    """
    if target.dialect not in _DIALECTS:
        raise UnknownDialect(target.dialect, NAMES)
    dialect = _DIALECTS[target.dialect](target)
    if (target.parts.scheme == "grpc") != (dialect.transport == "grpc"):
        wanted = "grpc" if dialect.transport == "grpc" else "http"
        raise BadTarget(f"{target.dialect} goes over {wanted}://, not {target.url}")
    return dialect
