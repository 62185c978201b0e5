"""The two stages of a forward pass that serve a model: its encoder, and the head behind it."""

from __future__ import annotations

import structlog
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.checkpoint import Checkpoint, read_rows
from retrieval_predictor.model.encoder import TOLERANCE, Encoder, Mixes, choose, unplug
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
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.scoring import is_classifier
from retrieval_predictor.model.token_heads import with_token_outputs
from retrieval_predictor.settings import Scoring
from retrieval_predictor.text.chat import Chat
from retrieval_predictor.text.template import read_template
from retrieval_predictor.wire.work import Batch

log = structlog.get_logger(__name__)

Stages = tuple[Encoder, Head]

_MOST_LABELS = 2


def embedder_stages(model: PreTrainedModel, checkpoint: Checkpoint, probe: Batch) -> Stages:
    """Token vectors, then pooling, the checkpoint's projections and its layers over tokens."""
    dense = dense_of(model, checkpoint)
    pooling = PoolingHead(checkpoint.pooling, dense, model.config.hidden_size)
    head = with_token_outputs(pooling, checkpoint, model)
    return choose(model.base_model, probe), head


def late_interaction_stages(model: PreTrainedModel, tokenizer: Tokenizer, probe: Batch) -> Stages:
    """Token vectors, then each query token's best match."""
    template = read_template(tokenizer)
    head = LateInteractionHead(len(template.leading), len(template.trailing))
    return choose(model.base_model, probe), head


def yes_no_stages(
    model: PreTrainedModel, checkpoint: Checkpoint, chat: Chat, probe: Batch
) -> Stages:
    """Token vectors, then two rows: of the saved head, or of the embeddings it is tied to."""
    answers = (chat.yes, chat.no)
    rows = read_rows(checkpoint, "lm_head.weight", answers)
    if rows is None:
        rows = model.get_input_embeddings().weight.detach()[list(answers)]
    yes, no = rows.to(model.device)
    return choose(model.base_model, probe), YesNoHead(yes, no)


@torch.inference_mode()
def classifier_stages(model: PreTrainedModel, checkpoint: Checkpoint, probe: Batch) -> Stages:
    """Encoder and classifier apart where that gives the library's logits, else both as one.

    Raises:
        UnsupportedModel: The classifier has more than two labels.
    """
    require_few_labels(model, checkpoint)
    whole, read = WholeClassifier(model), reading_of(model)
    if read is not None:
        packed = pack(probe).to(model.device)
        wanted = whole(packed).float()
        chosen, head = choose(model.base_model, probe), LogitHead(model, read)
        error = (head(chosen(packed), packed, probe) - wanted).norm() / wanted.norm().clamp(1.0)
        if error <= TOLERANCE[model.dtype]:
            return chosen, head
        log.info("classifier_runs_whole", error=round(float(error), 5))
        head.undo()
    unplug(model)
    return whole, GivenHead()


def require_few_labels(model: PreTrainedModel, checkpoint: Checkpoint) -> None:
    """Refuse a classifier that has no one score.

    Raises:
        UnsupportedModel: It has more than two labels.
    """
    if model.config.num_labels > _MOST_LABELS:
        raise UnsupportedModel(
            checkpoint.uri,
            f"a cross-encoder has one score or two, this classifier has {model.config.num_labels}",
        )


def stages_of(
    model: PreTrainedModel,
    checkpoint: Checkpoint,
    scoring: Scoring | None,
    tokenizer: Tokenizer,
    chat: Chat | None,
    probe: Batch,
) -> Stages:
    """The encoder and the head for a way to score; None and `BiEncoder` are vectors.

    Raises:
        UnsupportedModel: The checkpoint cannot score that way.
    """
    try:
        return _stages_of(model, checkpoint, scoring, tokenizer, chat, probe)
    except Mixes as reason:
        raise UnsupportedModel(checkpoint.uri, str(reason)) from reason


def _stages_of(
    model: PreTrainedModel,
    checkpoint: Checkpoint,
    scoring: Scoring | None,
    tokenizer: Tokenizer,
    chat: Chat | None,
    probe: Batch,
) -> Stages:
    if is_classifier(checkpoint, scoring):
        return classifier_stages(model, checkpoint, probe)
    if scoring is Scoring.LATE_INTERACTION:
        return late_interaction_stages(model, tokenizer, probe)
    if chat is not None:
        return yes_no_stages(model, checkpoint, chat, probe)
    return embedder_stages(model, checkpoint, probe)


def dense_of(model: PreTrainedModel, checkpoint: Checkpoint) -> tuple[torch.nn.Module, ...]:
    """The checkpoint's projections behind pooling."""
    if not checkpoint.dense:
        return ()
    # 275 MiB and seconds of imports (scikit-learn, SciPy, pandas) that few models need
    from sentence_transformers.base.modules import Dense  # noqa: PLC0415

    return tuple(Dense.load(str(folder)).to(model.device) for folder in checkpoint.dense)
