"""Load a checkpoint onto its device and settle everything that will not change afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from retrieval_predictor.card import ModelCard
from retrieval_predictor.errors import ImpossibleSettings, Malformed, UnsupportedModel
from retrieval_predictor.model import attention, encoder, linears
from retrieval_predictor.model.checkpoint import (
    Checkpoint,
    read_checkpoint,
    read_rows,
    require_safetensors,
)
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.model.heads import (
    GivenHead,
    Head,
    LateInteractionHead,
    LogitHead,
    PoolingHead,
    WholeClassifier,
    YesNoHead,
    reading_of,
)
from retrieval_predictor.model.memory import cap_memory
from retrieval_predictor.model.packing import Packed
from retrieval_predictor.model.precision import name_of, resolve
from retrieval_predictor.model.runner import QueryRunner, Runner
from retrieval_predictor.settings import Component, Scoring, Settings
from retrieval_predictor.template import (
    DEFAULT_INSTRUCTION,
    missing_chat_words,
    open_tokenizer,
    read_chat,
    read_template,
)
from retrieval_predictor.tokenise import Tokeniser
from retrieval_predictor.work import Batch, Truncation

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, and what the API workers need to know about it."""

    runner: Runner | QueryRunner
    card: ModelCard


def load(settings: Settings, scratch: Path) -> Loaded:
    """Load the model that the settings name; `scratch` takes the tokenizer file if there is none.

    Raises:
        StartupError: One of its leaves, saying what to change.
    """
    started_s = time.monotonic()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    checkpoint = read_checkpoint(fetch(settings.model), settings.model.uri)
    if not settings.model.allow_pickle:
        require_safetensors(checkpoint)
    scoring = _scoring(settings, checkpoint)
    model = _read_weights(settings, checkpoint, scoring)
    tokenizer_path = _tokenizer_file(settings, checkpoint, scratch)
    tokenizer = open_tokenizer(tokenizer_path)
    max_tokens = _max_tokens(settings, checkpoint)
    instruction = _instruction(settings, scoring)
    vocabulary_size = model.base_model.config.vocab_size
    parameters = sum(weight.numel() for weight in model.parameters())
    packed_linears = linears.prepack(model.base_model)
    probe = encoder.make_probe(vocabulary_size, max_tokens).to(model.device)
    chosen, head = _stages(model, checkpoint, scoring, tokenizer, probe)
    if scoring is Scoring.YES_NO:
        _require_room(tokenizer, instruction, max_tokens)
    card = ModelCard(
        uri=settings.model.uri,
        revision=settings.model.revision,
        architecture=checkpoint.architecture,
        parameters=parameters,
        precision=name_of(model.dtype),
        device=_device_name(model.device),
        encoder=chosen.name,
        dimensions=head.width,
        max_input_tokens=max_tokens,
        vocabulary_size=vocabulary_size,
        tokenizer_path=str(tokenizer_path),
        prompts=settings.prompts or checkpoint.prompts,
        default_prompt=checkpoint.default_prompt,
        normalise=checkpoint.normalise,
        scoring=scoring.value if scoring else None,
        instruction=instruction,
        activation=_activation(checkpoint, scoring),
        load_s=time.monotonic() - started_s,
        linears=packed_linears,
    )
    runner = Runner(chosen, head, model.device)
    needs_query = scoring is Scoring.LATE_INTERACTION
    return Loaded(QueryRunner(runner) if needs_query else runner, card)


def _scoring(settings: Settings, checkpoint: Checkpoint) -> Scoring | None:
    if settings.component is Component.EMBEDDER:
        return None
    if settings.scoring is not Scoring.AUTO:
        return settings.scoring
    if checkpoint.architecture.endswith("ForSequenceClassification"):
        return Scoring.CROSS_ENCODER
    if checkpoint.architecture.endswith("ForCausalLM"):
        return Scoring.YES_NO
    if checkpoint.architecture.endswith("ForConditionalGeneration"):
        raise UnsupportedModel(
            checkpoint.uri,
            f"{checkpoint.architecture} scores by generating, which this version cannot do",
        )
    return Scoring.LATE_INTERACTION


def _read_weights(
    settings: Settings, checkpoint: Checkpoint, scoring: Scoring | None
) -> PreTrainedModel:
    device = torch.device("cuda:0" if settings.gpu.count else "cpu")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ImpossibleSettings("gpu.count is 1 and this machine shows no CUDA device")
    cap_memory(device, settings.gpu.memory_bytes)
    attention.register()
    options: dict[str, Any] = {"trust_remote_code": settings.model.trust_remote_code}
    config = AutoConfig.from_pretrained(checkpoint.folder, **options)
    is_classifier = scoring is Scoring.CROSS_ENCODER
    kind = AutoModelForSequenceClassification if is_classifier else AutoModel
    try:
        model, report = kind.from_pretrained(
            checkpoint.folder,
            config=config,
            output_loading_info=True,
            dtype=resolve(settings.precision, device, getattr(config, "dtype", None)),
            use_safetensors=None if settings.model.allow_pickle else True,
            **options,
        )
    except (ValueError, KeyError, OSError) as error:
        raise UnsupportedModel(checkpoint.uri, str(error).splitlines()[0]) from error
    untrained = sorted(report["missing_keys"])
    if is_classifier and untrained:
        raise UnsupportedModel(checkpoint.uri, f"its file has no weights for {untrained[0]}")
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def _stages(
    model: PreTrainedModel,
    checkpoint: Checkpoint,
    scoring: Scoring | None,
    tokenizer: Tokenizer,
    probe: Packed,
) -> tuple[encoder.Encoder, Head]:
    if scoring is not Scoring.CROSS_ENCODER:
        chosen = encoder.choose(model.base_model, probe)
        return chosen, _head(model, checkpoint, scoring, tokenizer)
    if model.config.num_labels != 1:
        raise UnsupportedModel(
            checkpoint.uri,
            f"a cross-encoder has one score, this classifier has {model.config.num_labels}",
        )
    return _classifier_stages(model, probe)


@torch.inference_mode()
def _classifier_stages(model: PreTrainedModel, probe: Packed) -> tuple[encoder.Encoder, Head]:
    """The encoder apart from its head where that gives the library's logits, else both as one."""
    read = reading_of(model)
    whole = WholeClassifier(model)
    wanted = whole(probe).float()
    chosen, head = encoder.choose(model.base_model, probe), LogitHead(model, read)
    error = (head(chosen(probe), probe, Batch(())) - wanted).norm() / wanted.norm().clamp(min=1.0)
    if error <= encoder.TOLERANCE[model.dtype]:
        return chosen, head
    log.info("classifier_runs_whole", error=round(float(error), 5))
    head.undo()
    encoder.unplug(model)
    return whole, GivenHead()


def _head(
    model: PreTrainedModel, checkpoint: Checkpoint, scoring: Scoring | None, tokenizer: Tokenizer
) -> Head:
    if scoring is Scoring.YES_NO:
        return _yes_no(model, checkpoint, tokenizer)
    if scoring is Scoring.LATE_INTERACTION:
        template = read_template(tokenizer)
        return LateInteractionHead(len(template.leading), len(template.trailing))
    return PoolingHead(checkpoint.pooling, _dense(model, checkpoint), model.config.hidden_size)


def _yes_no(model: PreTrainedModel, checkpoint: Checkpoint, tokenizer: Tokenizer) -> YesNoHead:
    """The head out of two rows: those of the saved head, or of the embeddings it is tied to."""
    if not checkpoint.architecture.endswith("ForCausalLM"):
        raise UnsupportedModel(
            checkpoint.uri, f"{checkpoint.architecture} is no language model that can answer yes"
        )
    missing = missing_chat_words(tokenizer)
    if missing:
        raise UnsupportedModel(checkpoint.uri, f"its tokenizer has no {' and no '.join(missing)}")
    chat = read_chat(tokenizer)
    answers = (chat.yes, chat.no)
    if checkpoint.answers not in {None, answers}:
        raise UnsupportedModel(
            checkpoint.uri,
            f"it scores by the tokens {checkpoint.answers}, yes and no are {answers}",
        )
    rows = read_rows(checkpoint, "lm_head.weight", answers)
    if rows is None:
        rows = model.get_input_embeddings().weight.detach()[list(answers)]
    yes, no = rows.to(model.device)
    return YesNoHead(yes, no)


def _activation(checkpoint: Checkpoint, scoring: Scoring | None) -> str | None:
    if scoring is Scoring.YES_NO:
        return "Sigmoid"
    if scoring is not Scoring.CROSS_ENCODER:
        return None
    if checkpoint.activation not in {"Sigmoid", "Identity"}:
        raise UnsupportedModel(
            checkpoint.uri, f"its activation {checkpoint.activation} is not Sigmoid or Identity"
        )
    return checkpoint.activation


def _instruction(settings: Settings, scoring: Scoring | None) -> str | None:
    if scoring is Scoring.YES_NO:
        return settings.instruction or DEFAULT_INSTRUCTION
    if settings.instruction is not None:
        kind = scoring.value if scoring else "an embedder"
        raise ImpossibleSettings(f"instruction is set and {kind} takes none; remove it")
    return None


def _require_room(tokenizer: Tokenizer, instruction: str | None, max_tokens: int) -> None:
    tokeniser = Tokeniser(tokenizer, max_tokens, tokenizer.get_vocab_size(), read_chat(tokenizer))
    try:
        tokeniser.questions(instruction or "", "", ("",), None, Truncation.RIGHT)
    except Malformed as error:
        raise ImpossibleSettings(f"{error}, or raise maxInputTokens") from error


def _dense(model: PreTrainedModel, checkpoint: Checkpoint) -> tuple[torch.nn.Module, ...]:
    if not checkpoint.dense:
        return ()
    # 275 MiB and seconds of imports (scikit-learn, SciPy, pandas) that few models need
    from sentence_transformers.base.modules import Dense  # noqa: PLC0415

    return tuple(Dense.load(str(folder)).to(model.device) for folder in checkpoint.dense)


def _max_tokens(settings: Settings, checkpoint: Checkpoint) -> int:
    """The configured limit; the checkpoint's own where there is none.

    A limit above sentence-transformers' `max_seq_length` is allowed, above the model's positions
    is not: there are no position vectors for it.
    """
    if settings.max_input_tokens is None:
        return min(checkpoint.max_tokens, settings.batching.max_batch_tokens)
    if settings.max_input_tokens > checkpoint.max_positions:
        raise ImpossibleSettings(
            f"maxInputTokens {settings.max_input_tokens} is above the {checkpoint.max_positions} "
            f"positions of {checkpoint.uri}; lower it"
        )
    return settings.max_input_tokens


def _tokenizer_file(settings: Settings, checkpoint: Checkpoint, scratch: Path) -> Path:
    path = checkpoint.folder / "tokenizer.json"
    if path.is_file():
        return path
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.folder, trust_remote_code=settings.model.trust_remote_code
        )
        tokenizer.backend_tokenizer.save(str(scratch / "tokenizer.json"))
    except (ValueError, OSError, AttributeError) as error:
        raise UnsupportedModel(checkpoint.uri, "it has no tokenizer.json to be had") from error
    return scratch / "tokenizer.json"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
