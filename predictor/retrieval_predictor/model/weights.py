"""The weights of a checkpoint as a transformers model on its device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from retrieval_predictor.errors import ImpossibleSettings, UnsupportedModel
from retrieval_predictor.model import attention
from retrieval_predictor.model.checkpoint import Checkpoint
from retrieval_predictor.model.precision import resolve
from retrieval_predictor.settings import Settings

log = structlog.get_logger(__name__)

_ENCODERS = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}


def read_weights(
    settings: Settings, checkpoint: Checkpoint, *, is_classifier: bool
) -> PreTrainedModel:
    """A checkpoint's encoder, or its encoder with a classifier, ready to compute.

    Raises:
        ImpossibleSettings: A GPU is asked for and there is none.
        UnsupportedModel: transformers has no code for it, or its files lack weights.
    """
    device = _device(settings)
    attention.register()
    config = _config(settings, checkpoint)
    kind = AutoModelForSequenceClassification if is_classifier else _encoder_of(config)
    try:
        model, report = kind.from_pretrained(
            checkpoint.folder,
            config=config,
            output_loading_info=True,
            dtype=resolve(settings.precision, device, getattr(config, "dtype", None)),
            use_safetensors=None if settings.model.allow_pickle else True,
            trust_remote_code=settings.model.trust_remote_code,
        )
    except (ValueError, KeyError, OSError) as error:
        raise UnsupportedModel(checkpoint.uri, _first_line(error)) from error
    _require_trained(checkpoint, report["missing_keys"], is_classifier=is_classifier)
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def _encoder_of(config: PretrainedConfig) -> Any:
    """The class of an encoder; of T5's family the half that encodes, as sentence-transformers has.

    Its checkpoints may hold no other half, and it would be given no texts.
    """
    name = _ENCODERS.get(config.model_type)
    return AutoModel if name is None else getattr(transformers, name)


def name_of_device(device: torch.device) -> str:
    """What `/info` shows: the GPU's product name, or cpu."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _device(settings: Settings) -> torch.device:
    device = torch.device("cuda:0" if settings.gpu.count else "cpu")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ImpossibleSettings(
            f"gpu.count is {settings.gpu.count} and this engine sees no CUDA device"
        )
    _cap_memory(device, settings.gpu.memory_bytes)
    return device


def _require_trained(
    checkpoint: Checkpoint, missing: Iterable[str], *, is_classifier: bool
) -> None:
    """Refuse weights that would be random; a pooler's do no harm where no classifier reads them."""
    untrained = sorted(key for key in missing if is_classifier or "pooler" not in key.split("."))
    if untrained:
        more = "; it has Python code of its own" if checkpoint.has_own_code else ""
        raise UnsupportedModel(checkpoint.uri, f"its file has no weights for {untrained[0]}{more}")


def _config(settings: Settings, checkpoint: Checkpoint) -> PretrainedConfig:
    trusted = settings.model.trust_remote_code
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            checkpoint.folder, trust_remote_code=trusted
        )
    except (ValueError, KeyError, OSError) as error:
        if checkpoint.has_own_code and not trusted:
            raise UnsupportedModel(
                checkpoint.uri,
                f"transformers has no model type {checkpoint.model_type!r}; it comes with Python "
                "code of its own, which trustRemoteCode: true would run",
            ) from error
        raise UnsupportedModel(checkpoint.uri, _first_line(error)) from error
    if checkpoint.has_own_code and not trusted:
        log.warning("own_code_not_run", model_type=checkpoint.model_type)
    return config


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _cap_memory(device: torch.device, limit_bytes: int) -> None:
    """Keep to a share of a GPU that nothing else enforces, such as a time-slice; 0 is no limit."""
    if device.type == "cuda" and limit_bytes:
        total_bytes = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(limit_bytes / total_bytes, 1.0), device)
