"""Facts of a model that its author describes, because nobody here can read the checkpoint. Pure."""

from __future__ import annotations

from dataclasses import replace

from retrieval_operator.facts.config import has_rotary
from retrieval_operator.facts.family import family_of, is_known
from retrieval_operator.facts.known import known_facts, similar_to
from retrieval_operator.facts.model import Dims, Head, ModelFacts, Unknown
from retrieval_operator.facts.parameters import parameters_of
from retrieval_operator.spec.choices import ComponentName, Precision
from retrieval_operator.spec.source import ModelSource, Shape


def described(source: ModelSource, component: ComponentName) -> ModelFacts | Unknown | None:
    """What `like` or `shape` say of the model; None where the author says nothing."""
    if source.like is not None:
        return _like(source, source.like)
    if source.shape is not None:
        return _shaped(source, source.shape, component)
    return None


def _like(source: ModelSource, name: str) -> ModelFacts | Unknown:
    facts = known_facts(name)
    if facts is None:
        near = similar_to(name)
        hint = f"; did you mean {near[0]}?" if near else ""
        return Unknown(f"model.like names {name}, which is not in the table of known models{hint}")
    return replace(facts, name=source.uri, source=f"model.like: {facts.name}", is_pickled=False)


def _shaped(source: ModelSource, shape: Shape, component: ComponentName) -> ModelFacts | Unknown:
    dims = _dims(shape, component)
    parameters = shape.parameters or parameters_of(shape.model_type, dims)
    if parameters is None:
        return Unknown(
            f"nothing counts the parameters of a {shape.model_type}: set model.shape.parameters"
        )
    dtype = Precision(shape.dtype.value)
    assumed = "" if is_known(shape.model_type) else "; buffers of the widest family are assumed"
    return ModelFacts(
        name=source.uri,
        family=family_of(shape.model_type),
        dims=dims,
        parameters=parameters,
        dtype=dtype,
        dimensions=1 if dims.head is Head.CLASSIFIER else dims.hidden,
        limit_tokens=shape.max_tokens,
        advised_tokens=None,
        source=f"model.shape{assumed}",
    )


def _dims(shape: Shape, component: ComponentName) -> Dims:
    """A learned position table is assumed: rotary models have none, and it is never large."""
    is_classifier = component is ComponentName.RERANKER
    return Dims(
        vocabulary=shape.vocabulary_size,
        hidden=shape.hidden_size,
        layers=shape.layers,
        intermediate=shape.intermediate_size,
        heads=shape.attention_heads,
        kv_heads=shape.key_value_heads or shape.attention_heads,
        head_dim=shape.head_size or shape.hidden_size // shape.attention_heads,
        positions=0 if has_rotary(shape.model_type) else shape.max_tokens,
        types=2 if shape.model_type == "bert" else 1,
        head=Head.CLASSIFIER if is_classifier else Head.NONE,
    )
