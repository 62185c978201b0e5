"""What the engine tells API workers about the model it loaded; also the body of `/info`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the largest planned batch cost on this machine.

    `slots` is how many batches the device takes at a time. `peak_memory_bytes` is the device's peak
    on a GPU and the engine's resident set on a CPU. `overhead_tokens` stand for what a batch costs
    whatever it holds: in that time a full batch computes so many. `company_shift` is how far a row
    moved with the texts of its batch: a vector relative to its length, a score as it is.
    """

    tokens: int
    forward_s: float
    tokens_per_s: float
    peak_memory_bytes: int
    slots: int = 1
    overhead_tokens: int = 0
    company_shift: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Facts about a loaded model, all settled before it serves its first request.

    `form` names the question that a language model is asked (`retrieval_predictor.text.chat`), and
    `instruction` is what it is told where a request says nothing; None of either means none.
    `encoder` is "graph" (OpenVINO, in rectangles of near-equal lengths), "packed" (PyTorch, no
    padding) or "padded" (PyTorch, the fallback), `shares_prefixes` says whether it
    computes once what texts of a batch begin with alike, as a causal model allows, and
    `is_recorded` whether other batches run without the model's Python. `linears` is "plain" or
    "prepacked" (for oneDNN, where that was faster on this CPU), `normalise` whether the checkpoint
    asks for unit vectors, `scoring` is None for an embedder. `activation` is what turns a
    reranker's logit into its score, "Sigmoid" or "Identity", and None where there is no logit.
    `has_sparse` says whether tokens get weights, `colbert_dimensions` how many numbers a token's
    own vector has, 0 for none; `special_ids` are those of tokens that stand for no word.
    `accepts_token_ids` says whether a request may bring ids in place of texts. `own_code` is "run"
    or "not run" where Python code came with the checkpoint; where it was not, transformers' code
    for the same model type serves. `pooling` are the modes in force, none for a reranker.
    `revision` is the commit that is served where that can be told, else the configured one.
    On a GPU batches of up to `replayed_tokens` are launched as one,
    0 where that gains nothing.
    """

    uri: str
    revision: str | None
    architecture: str
    parameters: int
    precision: str
    device: str
    encoder: str
    dimensions: int
    max_input_tokens: int
    vocabulary_size: int
    tokenizer_path: str
    prompts: dict[str, str]
    default_prompt: str | None
    normalise: bool
    scoring: str | None
    instruction: str | None
    activation: str | None
    load_s: float
    linears: str = "plain"
    form: str | None = None
    has_sparse: bool = False
    colbert_dimensions: int = 0
    special_ids: tuple[int, ...] = ()
    accepts_token_ids: bool = False
    own_code: str | None = None
    shares_prefixes: bool = False
    is_recorded: bool = False
    pooling: tuple[str, ...] = ()
    replayed_tokens: int = 0
