"""How a reranker scores: what was asked for, else what its checkpoint is."""

from __future__ import annotations

import transformers
from tokenizers import Tokenizer

from retrieval_predictor.errors import ImpossibleSettings, UnsupportedModel
from retrieval_predictor.model.checkpoint import Checkpoint
from retrieval_predictor.settings import Component, Scoring, Settings
from retrieval_predictor.text.chat import (
    FORMS,
    MXBAI_RERANK_V2,
    QWEN3_RERANKER,
    Form,
    missing_words,
)

_CLASSIFIER, _LANGUAGE_MODEL = "ForSequenceClassification", "ForCausalLM"
_SERVED = {
    Component.EMBEDDER: {"SentenceTransformer"},
    Component.RERANKER: {"SentenceTransformer", "CrossEncoder"},
}
"""What each component makes of sentence-transformers' kinds of models."""

_ASKED = {"qwen3": QWEN3_RERANKER, "qwen2": MXBAI_RERANK_V2}
"""Forms by the model type that was trained on them, where the files do not name the answers."""


def scoring_of(settings: Settings, checkpoint: Checkpoint) -> Scoring | None:
    """The scoring that serves a checkpoint; None for an embedder.

    Raises:
        UnsupportedModel: It is another kind of model, such as ColBERT, or scores by generating from
            text and images or by code of its own.
    """
    _require_served(settings.component, checkpoint)
    if settings.component is Component.EMBEDDER:
        return None
    if settings.scoring is not Scoring.AUTO:
        return settings.scoring
    if checkpoint.architecture.endswith(_CLASSIFIER):
        return Scoring.CROSS_ENCODER
    if checkpoint.architecture.endswith(_LANGUAGE_MODEL):
        return Scoring.YES_NO
    if checkpoint.architecture.endswith("ForConditionalGeneration"):
        raise UnsupportedModel(
            checkpoint.uri,
            f"{checkpoint.architecture} scores by generating, which this version cannot do",
        )
    _require_known(checkpoint)
    return Scoring.LATE_INTERACTION


def _require_served(component: Component, checkpoint: Checkpoint) -> None:
    kinds = _SERVED[component]
    if checkpoint.kind not in kinds:
        told = " or ".join(sorted(kinds))
        raise UnsupportedModel(
            checkpoint.uri, f"it is a {checkpoint.kind}, and {component.value}s serve {told}"
        )
    if checkpoint.kind == "CrossEncoder" and checkpoint.dense:
        raise UnsupportedModel(checkpoint.uri, "its score comes from a Dense module of its own")


def _require_known(checkpoint: Checkpoint) -> None:
    name = checkpoint.architecture
    if name != checkpoint.model_type and not hasattr(transformers, name):
        raise UnsupportedModel(
            checkpoint.uri,
            f"{name} is no architecture of transformers, so how it scores is not known; set "
            "scoring to score by the model below it",
        )


def is_classifier(checkpoint: Checkpoint, scoring: Scoring | None) -> bool:
    """Whether a score is read off a classifier: a cross-encoder's, or one made of two answers.

    Conversions such as Qwen3-Reranker-*-seq-cls keep two rows of the language model's head, or
    their difference, as a classifier; what they are asked stays the same.
    """
    if scoring is Scoring.YES_NO:
        return checkpoint.architecture.endswith(_CLASSIFIER)
    return scoring is Scoring.CROSS_ENCODER


def form_of(checkpoint: Checkpoint, tokenizer: Tokenizer) -> Form:
    """The question that a language model was trained to answer.

    Raises:
        UnsupportedModel: It is no language model, its tokenizer cannot hold the question, or it
            answers it in other words.
    """
    form = _asked(checkpoint, tokenizer)
    missing = missing_words(tokenizer, form)
    if missing:
        raise UnsupportedModel(checkpoint.uri, f"its tokenizer has no {' and no '.join(missing)}")
    return form


def _asked(checkpoint: Checkpoint, tokenizer: Tokenizer) -> Form:
    is_converted = checkpoint.architecture.endswith(_CLASSIFIER) and checkpoint.model_type in _ASKED
    if not (is_converted or checkpoint.architecture.endswith(_LANGUAGE_MODEL)):
        raise UnsupportedModel(
            checkpoint.uri, f"{checkpoint.architecture} is no language model that can answer yes"
        )
    if checkpoint.answers is None:
        return _ASKED.get(checkpoint.model_type, QWEN3_RERANKER)
    known = {
        form: (tokenizer.token_to_id(form.yes), tokenizer.token_to_id(form.no))
        for form in FORMS.values()
    }
    for form, answers in known.items():
        if answers == checkpoint.answers:
            return form
    told = " or ".join(f"{answers} ({form.yes}, {form.no})" for form, answers in known.items())
    raise UnsupportedModel(
        checkpoint.uri, f"it scores by the tokens {checkpoint.answers}, not by {told}"
    )


def activation_of(checkpoint: Checkpoint, scoring: Scoring | None) -> str | None:
    """What turns a logit into a score, "Sigmoid" or "Identity"; None where there is no logit.

    Raises:
        UnsupportedModel: The checkpoint names another one.
    """
    if scoring is Scoring.YES_NO:
        return "Sigmoid"
    if scoring is not Scoring.CROSS_ENCODER:
        return None
    if checkpoint.activation not in {"Sigmoid", "Identity"}:
        raise UnsupportedModel(
            checkpoint.uri, f"its activation {checkpoint.activation} is not Sigmoid or Identity"
        )
    return checkpoint.activation


def instruction_of(settings: Settings, scoring: Scoring | None, form: Form | None) -> str | None:
    """What a reranker is told where a request says nothing; None for none.

    Raises:
        ImpossibleSettings: An instruction is set for a model that takes none.
    """
    if form is not None:
        return settings.instruction or form.default_instruction
    if settings.instruction is not None:
        kind = scoring.value if scoring else "an embedder"
        raise ImpossibleSettings(f"instruction is set and {kind} takes none; remove it")
    return None
