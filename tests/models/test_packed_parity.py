"""The packed encoder agrees with transformers' own model, one text at a time, in fp32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Precision, Settings
from tests.support import checkpoints, make

LENGTHS = (1, 7, 7, 7, 120, 33, 2, 64, 33)
TOLERANCE = 2e-5

Maker = Callable[[Path], Path]


def hidden_of(folder: Path, ids: np.ndarray) -> torch.Tensor:
    """What the library computes for one text alone: (T, H)."""
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.inference_mode():
        return model.eval()(input_ids=torch.from_numpy(ids).long()[None])[0][0]


def loaded(folder: Path, tmp_path: Path, **settings: Any):
    source = {"uri": f"file://{folder}"}
    return load(Settings(model=source, precision=Precision.FP32, **settings), tmp_path)


@pytest.mark.parametrize(
    ("maker", "encoder"),
    [
        (checkpoints.bert, "packed"),
        (checkpoints.xlm_roberta, "packed"),
        (checkpoints.qwen3, "packed"),
        (checkpoints.modernbert, "packed"),
        (checkpoints.mpnet, "padded"),
    ],
)
@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token", "lasttoken", "max_tokens"])
def test_each_text_gets_the_vector_it_would_get_alone(
    maker: Maker, encoder: str, pooling: str, tmp_path: Path
):
    folder = checkpoints.sentence_files(maker(tmp_path / "model"), pooling=pooling)
    served = loaded(folder, tmp_path)
    assert served.card.encoder == encoder

    work = make.encoded(LENGTHS, vocabulary=250)
    got = served.runner.run(make.batch(work))

    starts = np.concatenate([[0], np.cumsum(LENGTHS)])
    for index, length in enumerate(LENGTHS):
        hidden = hidden_of(folder, work.ids[starts[index] : starts[index] + length])
        wanted = {
            "mean_tokens": hidden.mean(0),
            "cls_token": hidden[0],
            "lasttoken": hidden[-1],
            "max_tokens": hidden.max(0).values,
        }[pooling]
        np.testing.assert_allclose(got[index], wanted.numpy(), atol=TOLERANCE)


def test_a_local_window_hides_distant_tokens(tmp_path: Path):
    folder = checkpoints.sentence_files(
        checkpoints.modernbert(tmp_path / "model"), pooling="cls_token", max_seq_length=400
    )
    served = loaded(folder, tmp_path)
    work = make.encoded((390, 5), vocabulary=250)
    got = served.runner.run(make.batch(work))
    np.testing.assert_allclose(got[0], hidden_of(folder, work.ids[:390])[0], atol=TOLERANCE)


def test_company_in_the_batch_changes_nothing(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path / "model"))
    runner = loaded(folder, tmp_path).runner
    text = make.encoded((19,), seed=7, vocabulary=250)
    alone = runner.run(make.batch(text))[0]
    others = make.encoded((3, 19, 90), seed=8, vocabulary=250)
    among = runner.run(make.batch(others, text, others))[3]
    np.testing.assert_allclose(among, alone, atol=TOLERANCE)
