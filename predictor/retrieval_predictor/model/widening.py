"""Go on in bf16 where a model overflows fp16: as many bytes, and the range of fp32.

fp16 ends at 65504 (IEEE 754, binary16). Some models have activations beyond that on every text,
which a probe shows when they are loaded, and some only on rare ones, which shows in a row that is
not finite. The weights are converted where they are, so it takes no second copy of them and
milliseconds instead of another load. What was loaded in fp32, as rotary frequencies are, stays so:
in bf16 a position of 8000 would be three radians off.
"""

from __future__ import annotations

import structlog
import torch
from transformers import PreTrainedModel

from retrieval_predictor.model.encoder import PaddedEncoder
from retrieval_predictor.model.packing import Packed
from retrieval_predictor.model.precision import has_bf16, name_of

log = structlog.get_logger(__name__)


class Width:
    """The number format that a model computes in now. Whoever widens it keeps others from running.

    A GPU without bf16 (compute capability below 8.0) stays with fp16: fp32 would take twice the
    memory that was planned.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        # now, because a head may put something else where the model had its encoder
        self._held = (*model.parameters(), *model.buffers())

    @property
    def precision(self) -> str:
        """As settings spell it."""
        return name_of(self._dtype)

    def widen(self, failed: str) -> bool:
        """Whether the model computes in a wider format than `failed` now, in which it overflowed.

        It may do so already, because a batch that ran at the same time overflowed first.
        """
        if self.precision != failed:
            return True
        if self._dtype is not torch.float16 or not has_bf16(self._model.device):
            return False
        for held in self._held:
            if held.dtype is torch.float16:
                held.data = held.data.to(torch.bfloat16)
        log.warning("precision_widened", before=failed, now=self.precision)
        return True

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = next(one.dtype for one in self._held if one.is_floating_point())
        return dtype

    def settle(self, probe: Packed) -> None:
        """Widen a model that overflows on the texts of a probe already."""
        if self._dtype is not torch.float16:
            return
        with torch.inference_mode():
            hidden = PaddedEncoder(self._model.base_model)(probe)
        if not bool(hidden.isfinite().all()):
            self.widen(self.precision)
