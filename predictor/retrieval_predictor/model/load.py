"""Load a checkpoint onto its device and settle everything that will not change afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
import torch
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from retrieval_predictor.errors import StartupError, UnsupportedModel
from retrieval_predictor.model import linears
from retrieval_predictor.model.checkpoint import (
    Checkpoint,
    read_checkpoint,
    require_safetensors,
    without_pickles,
)
from retrieval_predictor.model.encoder import Encoder, make_probe
from retrieval_predictor.model.fetch import commit_of, fetch
from retrieval_predictor.model.heads import Head
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.rehearsal import Sizes, for_gpu
from retrieval_predictor.model.replay import replayed_tokens
from retrieval_predictor.model.runner import TorchRunner
from retrieval_predictor.model.scoring import (
    activation_of,
    form_of,
    instruction_of,
    is_classifier,
    scoring_of,
)
from retrieval_predictor.model.seen import scores_by
from retrieval_predictor.model.stages import stages_of
from retrieval_predictor.model.token_heads import width_of
from retrieval_predictor.model.tokenizer import (
    max_tokens_of,
    require_room,
    special_ids,
    tokenizer_file,
)
from retrieval_predictor.model.weights import name_of_device, read_weights
from retrieval_predictor.model.wholeness import require_plain, require_whole
from retrieval_predictor.model.widening import Width
from retrieval_predictor.runners.runner import QueryRunner, Runner
from retrieval_predictor.runners.shortage import is_shortage
from retrieval_predictor.settings import Component, Scoring, Settings
from retrieval_predictor.text.chat import Chat, read_chat
from retrieval_predictor.text.prompts import usual_prompts
from retrieval_predictor.text.template import open_tokenizer
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import Outputs

log = structlog.get_logger(__name__)

_MOST_CAUSE = 300
"""Characters of a foreign message that are kept."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, and what the API workers need to know about it."""

    runner: Runner
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts reach the model and scores leave it, settled before its weights are read."""

    path: Path
    tokenizer: Tokenizer
    max_tokens: int
    scoring: Scoring | None
    activation: str | None
    chat: Chat | None
    instruction: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint and how it is used; `revision` is the commit of it where that can be told."""

    settings: Settings
    checkpoint: Checkpoint
    reading: Reading
    revision: str | None


@dataclass(frozen=True, slots=True)
class _Running:
    """The stages of a forward pass on their device, and what `linears` made of the weights."""

    encoder: Encoder
    head: Head
    width: Width
    device: torch.device
    parameters: int
    vocabulary_size: int
    linears: str


def load(settings: Settings, scratch: Path) -> Loaded:
    """Load the model that the settings name; `scratch` takes the tokenizer file if there is none.

    Raises:
        StartupError: One of its leaves, saying what to change.
    """
    return load_source(open_source(settings, scratch))


def open_source(settings: Settings, scratch: Path) -> Source:
    """Find a checkpoint and settle how it is used, before its weights are read.

    Raises:
        StartupError: One of its leaves, saying what to change.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    uri, folder = settings.model.uri, fetch(settings.model)
    with _reasons(uri):
        require_whole(folder, uri)
        checkpoint = read_checkpoint(folder, uri)
        require_plain(checkpoint.folder, uri)
        if not settings.model.allow_pickle:
            require_safetensors(checkpoint)
        reading = _reading(settings, checkpoint, scratch)
    revision = commit_of(folder) or settings.model.revision
    return Source(settings, _for_tokens(settings, checkpoint), reading, revision)


@contextmanager
def _reasons(uri: str) -> Iterator[None]:
    """A checkpoint is foreign code's food: whatever that makes of it, the reason is told once.

    Memory that runs out and a device that fails are no fault of the checkpoint.

    Raises:
        UnsupportedModel: Anything else went wrong.
    """
    try:
        yield
    except (StartupError, torch.AcceleratorError):
        raise
    except Exception as error:
        if is_shortage(error):
            raise
        log.exception("loading_failed")
        cause = " ".join(str(error).split())[:_MOST_CAUSE]
        raise UnsupportedModel(uri, f"{type(error).__name__}: {cause}") from error


def load_source(source: Source) -> Loaded:
    """Load a model onto its device, to be computed by PyTorch.

    Raises:
        StartupError: One of its leaves, saying what to change.
    """
    started_s = time.monotonic()
    settings, checkpoint, reading = source.settings, source.checkpoint, source.reading
    with _reasons(settings.model.uri):
        running = _running(settings, checkpoint, reading)
    runner = TorchRunner(running.encoder, running.head, running.device, running.width)
    needs_query = reading.scoring is Scoring.LATE_INTERACTION
    card = _card(source, running, time.monotonic() - started_s)
    return Loaded(QueryRunner(runner) if needs_query else runner, card)


def _for_tokens(settings: Settings, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the layers over tokens that are used and may be read."""
    if settings.component is Component.RERANKER:
        return replace(checkpoint, token_heads={})
    return checkpoint if settings.model.allow_pickle else without_pickles(checkpoint)


def _reading(settings: Settings, checkpoint: Checkpoint, scratch: Path) -> Reading:
    scoring = scoring_of(settings, checkpoint)
    path = tokenizer_file(settings, checkpoint, scratch)
    tokenizer, max_tokens = open_tokenizer(path), max_tokens_of(settings, checkpoint)
    form = form_of(checkpoint, tokenizer) if scoring is Scoring.YES_NO else None
    chat = read_chat(tokenizer, form) if form else None
    instruction = instruction_of(settings, scoring, form)
    if chat is not None:
        require_room(tokenizer, chat, instruction, max_tokens)
    activation = activation_of(checkpoint, scoring)
    return Reading(path, tokenizer, max_tokens, scoring, activation, chat, instruction)


def _running(settings: Settings, checkpoint: Checkpoint, reading: Reading) -> _Running:
    classifies = is_classifier(checkpoint, reading.scoring)
    model = read_weights(settings, checkpoint, is_classifier=classifies)
    vocabulary_size = int(model.get_input_embeddings().weight.shape[0])
    _warn_of_words_without_a_row(reading.tokenizer, vocabulary_size)
    parameters = sum(weight.numel() for weight in model.parameters())
    packed_linears = linears.prepack(model.base_model)
    probe = make_probe(vocabulary_size, reading.max_tokens)
    width = Width(model)
    width.settle(pack(probe).to(model.device))
    encoder, head = stages_of(
        model, checkpoint, reading.scoring, reading.tokenizer, reading.chat, probe
    )
    sizes = Sizes(vocabulary_size, reading.max_tokens, model.config.get_text_config().hidden_size)
    scores = scores_by(head, reading.activation)
    encoder = for_gpu(encoder, model, scores, sizes, settings.gpu.memory_bytes)
    return _Running(encoder, head, width, model.device, parameters, vocabulary_size, packed_linears)


def _warn_of_words_without_a_row(tokenizer: Tokenizer, vocabulary_size: int) -> None:
    """Words were added to the tokenizer and not to the model; a text with one gets 400."""
    tokens = tokenizer.get_vocab_size()
    if tokens > vocabulary_size:
        log.warning("words_without_a_row", tokens=tokens, rows=vocabulary_size)


def _card(source: Source, running: _Running, load_s: float) -> ModelCard:
    settings, checkpoint, reading = source.settings, source.checkpoint, source.reading
    return ModelCard(
        uri=settings.model.uri,
        revision=source.revision,
        architecture=checkpoint.architecture,
        parameters=running.parameters,
        precision=running.width.precision,
        device=name_of_device(running.device),
        encoder=running.encoder.name,
        shares_prefixes=running.encoder.shares_prefixes,
        is_recorded=running.encoder.is_recorded,
        replayed_tokens=replayed_tokens(running.encoder),
        dimensions=running.head.width,
        max_input_tokens=reading.max_tokens,
        vocabulary_size=running.vocabulary_size,
        tokenizer_path=str(reading.path),
        prompts=(checkpoint.prompts or usual_prompts(settings.model.uri)) | settings.prompts,
        default_prompt=checkpoint.default_prompt,
        normalise=checkpoint.normalise,
        scoring=reading.scoring.value if reading.scoring else None,
        form=reading.chat.form.name if reading.chat else None,
        instruction=reading.instruction,
        activation=reading.activation,
        load_s=load_s,
        linears=running.linears,
        has_sparse=width_of(running.head, Outputs.SPARSE) > 0,
        colbert_dimensions=width_of(running.head, Outputs.COLBERT),
        special_ids=special_ids(checkpoint, reading.tokenizer),
        accepts_token_ids=settings.accept_token_ids,
        own_code=_own_code(settings, checkpoint),
        pooling=() if reading.scoring else checkpoint.pooling,
    )


def _own_code(settings: Settings, checkpoint: Checkpoint) -> str | None:
    if not checkpoint.has_own_code:
        return None
    return "run" if settings.model.trust_remote_code else "not run"
