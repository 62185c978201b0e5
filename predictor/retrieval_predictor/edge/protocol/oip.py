"""The Open Inference Protocol's meaning of tensors, the same for REST and gRPC.

    embedder   text BYTES [n]                                -> embedding FP32 [n, d],
                                                                token_count INT32 [n]
      where the model has them and they are asked for by name   sparse_indices INT32 [s],
                                                                sparse_values FP32 [s],
                                                                sparse_lengths INT32 [n],
                                                                colbert FP32 [t, c],
                                                                colbert_lengths INT32 [n]
    reranker   query BYTES [1] or [n], documents BYTES [n]   -> scores FP32 [n]

Rows of uneven length follow one another, text by text; `…_lengths` says how many are each text's.
An input's shape may also be [n, 1], as NIM's clients send it.

Request parameters of the embedder: `input_type`, `prompt_name`, `truncate`,
`truncation_direction`, `dimensions`, `normalize`; of the reranker: `instruction`, `truncate`,
`truncation_direction`, `max_tokens_per_doc`, `raw_scores`. Others are ignored, because Triton's
clients send their own (`priority`, `timeout`, …). The names are NVIDIA NIM's where it has them.
Source: KServe Open Inference Protocol, specification of inference REST and gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_
from typing import Any

from retrieval_predictor.edge.protocol.fields import flag, optional_text, whole
from retrieval_predictor.edge.protocol.options import prompt_name, truncation
from retrieval_predictor.edge.protocol.tensors import Output, Tensor, fp32, int32, texts
from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import Embeddings, EmbedRequest, Outputs, RerankRequest, Scores

EMBEDDER_OUTPUTS = ("embedding", "token_count")
SPARSE_OUTPUTS = ("sparse_indices", "sparse_values", "sparse_lengths")
COLBERT_OUTPUTS = ("colbert", "colbert_lengths")
RERANKER_OUTPUTS = ("scores",)

_MADE_OF = {
    "embedding": Outputs.DENSE,
    **dict.fromkeys(SPARSE_OUTPUTS, Outputs.SPARSE),
    **dict.fromkeys(COLBERT_OUTPUTS, Outputs.COLBERT),
}
"""What has to be computed for an output; token counts come with anything."""

_NAMES_TOLD = 8
"""Names listed in a message; a hostile body can have thousands."""

Parameters = Mapping[str, Any]
TensorFacts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that was asked for; `binary` None leaves the encoding to the request."""

    name: str
    binary: bool | None = None


@dataclass(frozen=True, slots=True)
class InferCall:
    """An inference request free of its transport.

    `request_id` is empty when the caller sent none. `outputs` are those asked for, none meaning
    the usual ones. `parameters` holds plain values: from gRPC the set member of each
    `InferParameter`. `binary` is how REST sends outputs that do not say; gRPC has no use for it.
    """

    inputs: tuple[Tensor, ...]
    request_id: str = ""
    outputs: tuple[Wanted, ...] = ()
    parameters: Parameters = field(default_factory=dict)
    binary: bool = False

    def is_binary(self, name: str) -> bool:
        """Whether the output `name` goes into a REST body as bytes."""
        asked = next((wanted.binary for wanted in self.outputs if wanted.name == name), None)
        return self.binary if asked is None else asked


@cache
def embedder_outputs(offered: Outputs) -> tuple[str, ...]:
    """The names of what an embedder answers with on demand, the usual outputs first."""
    sparse = SPARSE_OUTPUTS if Outputs.SPARSE in offered else ()
    colbert = COLBERT_OUTPUTS if Outputs.COLBERT in offered else ()
    return (*EMBEDDER_OUTPUTS, *sparse, *colbert)


def to_embed_request(
    call: InferCall, max_texts: int, offered: Outputs = Outputs.DENSE
) -> EmbedRequest:
    """The texts to embed; a single BYTES input is taken under any name.

    `offered` is what the model can make of a text.

    Raises:
        Malformed: other inputs or outputs than the embedder has, or data that is not texts.
        TooManyTexts: more than `max_texts`.
    """
    _refuse_unknown_outputs(call, embedder_outputs(offered))
    parameters = call.parameters
    return EmbedRequest(
        inputs=texts(_text_input(call.inputs), max_texts),
        prompt_name=prompt_name(parameters),
        dimensions=whole(parameters, "dimensions"),
        truncation=truncation(parameters),
        normalise=flag(parameters, "normalize"),
        outputs=_to_compute(call),
    )


def to_rerank_request(call: InferCall, max_texts: int) -> RerankRequest:
    """The query and the documents to score; a query repeated for every document is one query.

    Raises:
        Malformed: other inputs or outputs than the reranker has, data that is not texts, or
            queries that differ.
        TooManyTexts: more documents than `max_texts`.
    """
    _refuse_unknown_outputs(call, RERANKER_OUTPUTS)
    inputs = _by_name(call.inputs, ("query", "documents"))
    documents = texts(inputs["documents"], max_texts)
    parameters = call.parameters
    return RerankRequest(
        query=_one_query(texts(inputs["query"], max_texts), len(documents)),
        documents=documents,
        instruction=optional_text(parameters, "instruction"),
        max_tokens_per_document=whole(parameters, "max_tokens_per_doc"),
        truncation=truncation(parameters),
        raw_scores=flag(parameters, "raw_scores") is True,
    )


def embedding_outputs(call: InferCall, answer: Embeddings) -> tuple[Output, ...]:
    """The outputs asked for, in the order they were asked for."""
    vectors, counts = EMBEDDER_OUTPUTS
    made = {vectors: fp32(vectors, answer.vectors), counts: int32(counts, answer.token_counts)}
    if (sparse := answer.sparse) is not None:
        indices, values, lengths = SPARSE_OUTPUTS
        made |= {indices: int32(indices, sparse.indices), values: fp32(values, sparse.values)}
        made |= {lengths: int32(lengths, sparse.lengths)}
    if (colbert := answer.colbert) is not None:
        tokens, lengths = COLBERT_OUTPUTS
        made |= {tokens: fp32(tokens, colbert.vectors), lengths: int32(lengths, colbert.lengths)}
    return tuple(made[name] for name in _names(call.outputs) or EMBEDDER_OUTPUTS)


def score_outputs(answer: Scores) -> tuple[Output, ...]:
    """The scores in the order of the documents, a reranker's only output."""
    return tuple(fp32(name, answer.scores) for name in RERANKER_OUTPUTS)


def embedder_tensors(
    dimensions: int, *, has_sparse: bool = False, colbert_dimensions: int = 0
) -> tuple[list[TensorFacts], list[TensorFacts]]:
    """Inputs and outputs of an embedder with vectors of `dimensions`, as model metadata has them.

    -1 stands for the number of texts, and of what varies with them.
    """
    vectors, counts = EMBEDDER_OUTPUTS
    outputs = [_facts(vectors, "FP32", -1, dimensions), _facts(counts, "INT32", -1)]
    if has_sparse:
        datatypes = zip(SPARSE_OUTPUTS, ("INT32", "FP32", "INT32"), strict=True)
        outputs += [_facts(name, datatype, -1) for name, datatype in datatypes]
    if colbert_dimensions:
        tokens, lengths = COLBERT_OUTPUTS
        outputs += [_facts(tokens, "FP32", -1, colbert_dimensions), _facts(lengths, "INT32", -1)]
    return [_facts("text", "BYTES", -1)], outputs


def reranker_tensors() -> tuple[list[TensorFacts], list[TensorFacts]]:
    """Inputs and outputs of a reranker, as model metadata has them; -1 is the documents' number."""
    inputs = [_facts("query", "BYTES", 1), _facts("documents", "BYTES", -1)]
    return inputs, [_facts(name, "FP32", -1) for name in RERANKER_OUTPUTS]


def _facts(name: str, datatype: str, *shape: int) -> TensorFacts:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def _refuse_unknown_outputs(call: InferCall, known: Sequence[str]) -> None:
    asked = _names(call.outputs)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise Malformed(f"no output {_quoted(unknown)}; this model has {_quoted(known)}")
    if len(set(asked)) != len(asked):
        raise Malformed(f"an output is asked for twice: {_quoted(asked)}")


def _to_compute(call: InferCall) -> Outputs:
    """What the outputs asked for are made of; vectors where none needs anything."""
    asked = _names(call.outputs)
    flags = [_MADE_OF[name] for name in asked if name in _MADE_OF]
    return reduce(or_, flags) if flags else Outputs.DENSE


def _names(items: Sequence[Wanted | Tensor]) -> list[str]:
    return [item.name for item in items]


def _text_input(inputs: tuple[Tensor, ...]) -> Tensor:
    if len(inputs) != 1:
        raise Malformed(f"wanted one input 'text', got {len(inputs)}: {_quoted(_names(inputs))}")
    return inputs[0]


def _by_name(inputs: tuple[Tensor, ...], wanted: Sequence[str]) -> dict[str, Tensor]:
    found = {tensor.name: tensor for tensor in inputs}
    if len(inputs) != len(wanted) or set(found) != set(wanted):
        got = f"got {len(inputs)}: {_quoted(_names(inputs))}"
        raise Malformed(f"wanted the inputs {_quoted(wanted)}, {got}")
    return found


def _one_query(queries: tuple[str, ...], documents: int) -> str:
    if len(queries) not in (1, documents):
        raise Malformed(f"input 'query' has {len(queries)} texts; wanted 1 or {documents}")
    different = len(set(queries))
    if different > 1:
        raise Malformed(f"input 'query' has {different} different texts; send one request for each")
    return queries[0]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_NAMES_TOLD]) or "none"
