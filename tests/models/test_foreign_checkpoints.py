"""A checkpoint made for code that is not here is served as it was trained, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, processors
from transformers import AutoModel

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.load import Loaded, load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import EmbedRequest
from tests.support import checkpoints, make
from tests.support.near import NearEngine


def served(folder: Path, component: str = "embedder", **more: Any) -> Loaded:
    model, half = {"uri": f"file://{folder}"}, Component(component)
    settings = Settings(model=model, component=half, precision=Precision.FP32, **more)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return load(settings, scratch)


def tell(path: Path, **more: Any) -> None:
    """Change a JSON file."""
    told = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(told | more))


def rename(folder: Path, named: Callable[[str], str | None]) -> None:
    """Save the weights under other names; None leaves one out."""
    path = folder / "model.safetensors"
    saved = {named(name): tensor for name, tensor in load_file(path).items()}
    save_file({name: tensor for name, tensor in saved.items() if name}, path, {"format": "pt"})


@pytest.mark.parametrize("kind", ["ColBERT", "MultiVectorEncoder", "SparseEncoder"])
@pytest.mark.parametrize("component", ["embedder", "reranker"])
def test_a_model_of_another_kind_is_refused_by_what_it_is(kind, component, tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path))
    tell(folder / "config_sentence_transformers.json", model_type=kind)
    with pytest.raises(UnsupportedModel, match=f"it is a {kind}, and {component}s serve"):
        served(folder, component)


def test_a_cross_encoder_is_no_embedder(tmp_path: Path):
    folder = checkpoints.bert_classifier(tmp_path)
    tell(folder / "config_sentence_transformers.json", model_type="CrossEncoder")
    with pytest.raises(UnsupportedModel, match="it is a CrossEncoder, and embedders serve"):
        served(folder)


def test_a_reranker_whose_scores_come_from_its_own_code_is_refused(tmp_path: Path):
    """As jina-reranker-v3, a Qwen3 that its own code reads in another way."""
    folder = checkpoints.qwen3(tmp_path)
    own = {"AutoModel": "modeling.JinaForRanking"}
    tell(folder / "config.json", architectures=["JinaForRanking"], auto_map=own)
    with pytest.raises(UnsupportedModel, match="JinaForRanking is no architecture of transformers"):
        served(folder, "reranker")
    card = served(folder, "reranker", scoring="LateInteraction").card
    assert (card.scoring, card.own_code) == ("LateInteraction", "not run")


def test_weights_under_the_names_of_its_own_code_are_never_left_random(tmp_path: Path):
    """As jina-embeddings-v3, an XLM-RoBERTa whose own code names its layers otherwise."""
    folder = checkpoints.xlm_roberta(tmp_path)
    tell(folder / "config.json", auto_map={"AutoModel": "modeling.XLMRobertaModel"})
    rename(folder, lambda name: name.replace("encoder.layer.", "encoder.layers."))
    told = r"no weights for encoder\.layer\.0.*it has Python code of its own"
    with pytest.raises(UnsupportedModel, match=told):
        served(folder)


def test_a_pooler_that_was_not_saved_is_not_missed(tmp_path: Path):
    folder = checkpoints.bert(tmp_path)
    rename(folder, lambda name: None if name.startswith("pooler.") else name)
    assert served(folder).card.encoder == "packed"


@pytest.mark.parametrize(
    ("more", "told"), [({}, None), ({"auto_map": {"AutoModel": "modeling.Own"}}, "not run")]
)
def test_the_card_says_whether_code_of_the_checkpoint_was_left_out(more, told, tmp_path: Path):
    folder = checkpoints.bert(tmp_path)
    tell(folder / "config.json", **more)
    assert served(folder).card.own_code == told


async def test_a_text_ends_as_the_tokenizers_own_code_would_end_it(tmp_path: Path):
    """As gte-Qwen2, which pools by an end token that its `tokenizer.json` does not add."""
    folder = checkpoints.sentence_files(checkpoints.qwen3(tmp_path), pooling="lasttoken")
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.post_processor = processors.ByteLevel(trim_offsets=False)
    plain.save(str(folder / "tokenizer.json"))
    ids, end = plain.encode("mix flour").ids, plain.get_vocab()["<|endoftext|>"]
    answerer = Answerer(NearEngine(served(folder, accept_token_ids=True)))
    assert (await answerer.embed(EmbedRequest(("mix flour",)))).token_counts == [len(ids)]

    own = {"AutoTokenizer": ["tokenization_qwen.Qwen2Tokenizer", None]}
    ends = {"add_eos_token": True, "eos_token": "<|endoftext|>"}
    tell(folder / "tokenizer_config.json", auto_map=own, **ends)
    answerer = Answerer(NearEngine(served(folder, accept_token_ids=True)))
    got = await answerer.embed(EmbedRequest(("mix flour",)))
    wanted = await answerer.embed(EmbedRequest(((*ids, end),)))
    np.testing.assert_array_equal(got.vectors, wanted.vectors)


def test_a_decoder_that_was_trained_to_look_ahead_does(tmp_path: Path):
    """As gte-Qwen2-7B-instruct: transformers follows `is_causal` of the configuration."""
    folder = checkpoints.qwen3(tmp_path)
    tell(folder / "config.json", is_causal=False)
    loaded = served(checkpoints.sentence_files(folder, pooling="lasttoken"))
    assert (loaded.card.encoder, loaded.card.shares_prefixes) == ("packed", False)

    text = make.encoded((40,), vocabulary=250)
    got = loaded.runner.run(make.batch(text, make.encoded((7, 40), seed=1, vocabulary=250)))
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.inference_mode():
        hidden = model.eval()(input_ids=torch.from_numpy(text.ids).long()[None])[0][0]
        model.config.is_causal = True
        looking_back = model(input_ids=torch.from_numpy(text.ids).long()[None])[0][0]
    np.testing.assert_allclose(got[0], hidden[-1].numpy(), atol=2e-5)
    assert not torch.allclose(hidden[0], looking_back[0], atol=1e-3)
