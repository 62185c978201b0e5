"""A checkpoint whose own code fails on request: a word said three times in a row is the request."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import checkpoints

FAULTS = {"memory": "salt", "hang": "dough", "nan": "market", "die": "yeast"}

_CODE = """
import os, signal, time
import torch
from transformers import BertModel


class FaultyBert(BertModel):
    def forward(self, input_ids=None, **more):
        faults = self.config.faults
        time.sleep(self.config.pause_s)
        if self._said(input_ids, faults["memory"]) and input_ids.numel() > faults["room"]:
            raise torch.OutOfMemoryError("injected")
        if self._said(input_ids, faults["hang"]):
            time.sleep(3600)
        if self._said(input_ids, faults["die"]):
            os.kill(os.getpid(), signal.SIGKILL)
        output = super().forward(input_ids=input_ids, **more)
        if self._said(input_ids, faults["nan"]):
            output.last_hidden_state[input_ids == faults["nan"]] = float("nan")
        return output

    def _said(self, ids, word):
        flat = (ids == word).flatten()
        return bool((flat[:-2] & flat[1:-1] & flat[2:]).any())
"""


def faulty_bert(folder: Path, *, pause_s: float = 0.0, room_tokens: int = 12) -> Path:
    """A tiny BERT that fails when told to; every forward takes `pause_s` longer.

    "memory" fails a batch of more than `room_tokens`; "hang" never returns; "nan" spoils the texts
    that say it; "die" kills the engine.
    """
    checkpoints.bert(folder)
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    faults = {name: words[word] for name, word in FAULTS.items()}
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "auto_map": {"AutoModel": "modeling_faulty.FaultyBert"},
        "faults": {**faults, "room": room_tokens},
        "pause_s": pause_s,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_faulty.py").write_text(_CODE)
    return folder


def text(fault: str, more: str = "") -> str:
    """A text that asks for a fault."""
    return f"{' '.join([FAULTS[fault]] * 3)} {more}".strip()
