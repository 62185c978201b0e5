"""Read sizes out of a config.json, under the names that different families give them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retrieval_operator.facts.family import family_of
from retrieval_operator.facts.model import Dims, Head
from retrieval_operator.spec.choices import Precision

_NAMES: Final = {
    "vocabulary": ("vocab_size",),
    "hidden": ("hidden_size", "n_embd", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "intermediate": ("intermediate_size", "n_inner", "d_ff", "hidden_dim"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
}
_LIMIT: Final = ("max_position_embeddings", "n_positions", "max_trained_positions")
_ROTARY: Final = frozenset(
    {"modernbert", "nomic_bert", "gte", "new", "qwen2", "qwen3", "llama", "mistral", "gemma3_text"}
)
_DTYPES: Final = {
    "float32": Precision.FP32,
    "float16": Precision.FP16,
    "bfloat16": Precision.BF16,
}


class MissingSize(ValueError):
    """The config has none of the names a size goes by."""


def dims_of(config: Mapping[str, Any]) -> Dims:
    """The sizes of a model.

    Raises:
        MissingSize: One of the sizes is absent or no positive integer.
    """
    sizes = {field: _size(config, names) for field, names in _NAMES.items()}
    heads = sizes["heads"]
    model_type = str(config.get("model_type", ""))
    return Dims(
        **sizes,
        kv_heads=_optional(config, ("num_key_value_heads",)) or heads,
        head_dim=_optional(config, ("head_dim",)) or sizes["hidden"] // heads,
        positions=0 if _has_no_table(model_type, config) else _optional(config, _LIMIT) or 0,
        types=_optional(config, ("type_vocab_size",)) or 0,
        head=_head(config),
    )


def limit_of(config: Mapping[str, Any]) -> int | None:
    """The longest input in tokens that the position scheme takes, or None if not written."""
    positions = _optional(config, _LIMIT)
    if positions is None:
        return None
    return max(1, positions - family_of(str(config.get("model_type", ""))).position_offset)


def dtype_of(config: Mapping[str, Any]) -> Precision:
    """The number format the checkpoint says it was saved in; fp32 where it says nothing."""
    written = config.get("dtype") or config.get("torch_dtype")
    return _DTYPES.get(str(written).removeprefix("torch."), Precision.FP32)


def _size(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    found = _optional(config, names)
    if found is None:
        raise MissingSize(f"config.json has no {' or '.join(names)}")
    return found


def _optional(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def has_rotary(model_type: str) -> bool:
    """Whether models of this type rotate queries and keys instead of learning a position table."""
    return model_type in _ROTARY


def _has_no_table(model_type: str, config: Mapping[str, Any]) -> bool:
    relative = config.get("position_biased_input") is False  # DeBERTa v3
    return has_rotary(model_type) or relative


def _head(config: Mapping[str, Any]) -> Head:
    architectures = config.get("architectures") or ()
    classifies = any("SequenceClassification" in str(name) for name in architectures)
    return Head.CLASSIFIER if classifies else Head.NONE
