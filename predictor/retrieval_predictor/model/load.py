"""Load a checkpoint onto its device and settle everything that will not change afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from retrieval_predictor.card import ModelCard
from retrieval_predictor.errors import ImpossibleSettings, UnsupportedModel
from retrieval_predictor.model import attention, encoder
from retrieval_predictor.model.checkpoint import Checkpoint, read_checkpoint, require_safetensors
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.model.heads import Head, LateInteractionHead, LogitHead, PoolingHead
from retrieval_predictor.model.precision import resolve
from retrieval_predictor.model.runner import Runner
from retrieval_predictor.settings import Component, Scoring, Settings
from retrieval_predictor.template import Template, open_tokenizer, read_template

DEVICE_NAMES = {"cpu": "cpu", "cuda": "cuda:0"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, and what the API workers need to know about it."""

    runner: Runner
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
    template = read_template(open_tokenizer(tokenizer_path))
    max_tokens = _max_tokens(settings, checkpoint)
    base = model.base_model
    chosen = encoder.choose(base, base.config.vocab_size, max_tokens)
    head = _head(model, checkpoint, scoring, template)
    card = ModelCard(
        uri=settings.model.uri,
        revision=settings.model.revision,
        architecture=checkpoint.architecture,
        parameters=sum(weight.numel() for weight in model.parameters()),
        precision=_precision_name(model.dtype),
        device=_device_name(model.device),
        encoder=chosen.name,
        dimensions=head.width,
        max_input_tokens=max_tokens,
        vocabulary_size=base.config.vocab_size,
        tokenizer_path=str(tokenizer_path),
        prompts=settings.prompts or checkpoint.prompts,
        default_prompt=checkpoint.default_prompt,
        normalise=checkpoint.normalise,
        scoring=scoring.value if scoring else None,
        instruction=settings.instruction,
        load_s=time.monotonic() - started_s,
    )
    return Loaded(Runner(chosen, head, model.device), card)


def _scoring(settings: Settings, checkpoint: Checkpoint) -> Scoring | None:
    if settings.component is Component.EMBEDDER:
        return None
    if settings.scoring is not Scoring.AUTO:
        return settings.scoring
    if checkpoint.architecture.endswith("ForSequenceClassification"):
        return Scoring.CROSS_ENCODER
    if checkpoint.architecture.endswith(("ForCausalLM", "ForConditionalGeneration")):
        raise UnsupportedModel(
            checkpoint.uri,
            f"{checkpoint.architecture} scores by generating, which this version cannot do",
        )
    return Scoring.LATE_INTERACTION


def _read_weights(
    settings: Settings, checkpoint: Checkpoint, scoring: Scoring | None
) -> PreTrainedModel:
    device = torch.device(DEVICE_NAMES["cuda" if settings.gpu.count else "cpu"])
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ImpossibleSettings("gpu.count is 1 and this machine shows no CUDA device")
    _cap_memory(device, settings.gpu.memory_bytes)
    attention.register()
    options: dict[str, Any] = {"trust_remote_code": settings.model.trust_remote_code}
    config = AutoConfig.from_pretrained(checkpoint.folder, **options)
    kind = AutoModelForSequenceClassification if _is_classifier(scoring) else AutoModel
    try:
        model = kind.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=resolve(settings.precision, device, getattr(config, "dtype", None)),
            use_safetensors=None if settings.model.allow_pickle else True,
            **options,
        )
    except (ValueError, KeyError, OSError) as error:
        raise UnsupportedModel(checkpoint.uri, str(error).splitlines()[0]) from error
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def _cap_memory(device: torch.device, limit_bytes: int) -> None:
    """Keep to a share of a GPU that nothing else enforces, such as a time-slice."""
    if device.type == "cuda" and limit_bytes:
        total_bytes = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(limit_bytes / total_bytes, 1.0), device)


def _is_classifier(scoring: Scoring | None) -> bool:
    return scoring is Scoring.CROSS_ENCODER


def _head(
    model: PreTrainedModel, checkpoint: Checkpoint, scoring: Scoring | None, template: Template
) -> Head:
    if scoring is Scoring.LATE_INTERACTION:
        return LateInteractionHead(len(template.leading), len(template.trailing))
    if scoring is Scoring.CROSS_ENCODER:
        if model.config.num_labels != 1:
            raise UnsupportedModel(
                checkpoint.uri,
                f"a cross-encoder has one score, this classifier has {model.config.num_labels}",
            )
        return LogitHead(model)
    return PoolingHead(checkpoint.pooling, _dense(model, checkpoint), model.config.hidden_size)


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


def _precision_name(dtype: torch.dtype) -> str:
    names = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
    return names[dtype]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
