"""A checkpoint that cannot be served as it was trained is refused with the reason, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, normalizers, processors
from transformers import (
    AutoModel,
    FNetConfig,
    M2M100Config,
    T5Config,
    T5EncoderModel,
    T5Model,
)

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.errors import ModelNotFound, UnsupportedModel
from retrieval_predictor.model.fetch import commit_of, fetch
from retrieval_predictor.model.load import Loaded, load
from retrieval_predictor.settings import ModelSource, Precision, Settings
from retrieval_predictor.wire.work import EmbedRequest
from tests.support import checkpoints, make
from tests.support.families import FAMILIES
from tests.support.near import NearEngine

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90888945\n"


def served(folder: Path, **more: Any) -> Loaded:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    settings = Settings(model={"uri": f"file://{folder}"}, precision=Precision.FP32, **more)
    return load(settings, scratch)


def tell(path: Path, **more: Any) -> None:
    """Change a JSON file."""
    told = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told | more))


def pointer(name: str) -> Callable[[Path], None]:
    return replaced(name, POINTER)


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def without(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    return remove


def told(name: str, **more: Any) -> Callable[[Path], None]:
    return lambda folder: tell(folder / name, **more)


def ordered(*kinds: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        modules = [
            {"path": f"{index}_{kind}" if index else "", "type": f"sentence_transformers.{kind}"}
            for index, kind in enumerate(kinds)
        ]
        for module in modules[1:]:
            tell(folder / str(module["path"]) / "config.json", pooling_mode_mean_tokens=True)
        (folder / "modules.json").write_text(json.dumps(modules))

    return write


def outside(folder: Path) -> None:
    path = folder / "modules.json"
    path.write_text(path.read_text().replace('"1_Pooling"', '"../other/1_Pooling"'))


BROKEN = {
    "weights are a pointer": (pointer("model.safetensors"), "is a pointer of git-lfs"),
    "tokenizer is a pointer": (pointer("tokenizer.json"), "is a pointer of git-lfs"),
    "config is a pointer": (pointer("config.json"), "is a pointer of git-lfs"),
    "weights are cut short": (truncated, "model.safetensors cannot be read"),
    "config is no JSON": (replaced("config.json", b'{"a'), "is not JSON"),
    "tokenizer is no JSON": (replaced("tokenizer.json", b"{}"), "Exception:"),
    "pooling mode is unknown": (
        told("1_Pooling/config.json", pooling_mode="attention"),
        "its pooling mode attention is not one of cls, lasttoken",
    ),
    "pooling is missing": (without("1_Pooling"), "there is no 1_Pooling/config.json"),
    "vocabulary is another": (told("config.json", vocab_size=200), "mismatch|size"),
    "weights are quantised": (
        told("config.json", quantization_config={"quant_method": "gptq", "bits": 4}),
        r"quantised \(gptq\)",
    ),
    "no tokenizer was saved": (
        without("tokenizer.json", "tokenizer_config.json", "vocab.txt"),
        "no files of a tokenizer",
    ),
    "normalising comes before projecting": (
        ordered("Transformer", "Pooling", "Normalize", "Dense"),
        "come as Transformer, Pooling, Normalize, Dense",
    ),
    "tokens are projected": (ordered("Transformer", "Dense", "Pooling"), "come as Transformer, D"),
    "a module lies elsewhere": (outside, "outside of the checkpoint"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said_by_name(name: str, tmp_path: Path):
    breaks, message = BROKEN[name]
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path / "model"))
    assert served(folder).card.pooling == ("mean",)
    breaks(folder)
    with pytest.raises(UnsupportedModel, match=message):
        served(folder)


def test_a_projection_that_is_missing_is_named(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path))
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    modules.insert(2, {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.Dense"})
    path.write_text(json.dumps(modules))
    with pytest.raises(UnsupportedModel, match="names Dense in 2_Dense, and there is no"):
        served(folder)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("hf://a/b/c", "names no repository"),
        ("hf://BAAI/bge m3", "names no repository"),
        ("hf://BAAI/..", "names no repository"),
    ],
)
def test_an_address_that_names_no_repository_is_refused(uri: str, message: str):
    with pytest.raises(ModelNotFound, match=message):
        fetch(ModelSource(uri=uri))


def test_a_revision_is_named_once():
    source = ModelSource(uri="hf://BAAI/bge-m3:abc", revision="def")
    with pytest.raises(ModelNotFound, match="revision is def and the address names abc"):
        fetch(source)


def test_a_model_that_mixes_a_text_with_those_beside_it_is_refused(tmp_path: Path):
    config = FNetConfig(**_small(), intermediate_size=96, vocab_size=300, type_vocab_size=2)
    folder = checkpoints.save(tmp_path, config, checkpoints.word_piece(), kind=AutoModel)
    with pytest.raises(UnsupportedModel, match="depends on the texts beside it"):
        served(folder)


def test_a_model_that_takes_other_inputs_is_refused_and_not_tried_for_ever(tmp_path: Path):
    config = M2M100Config(
        d_model=48, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=96, decoder_ffn_dim=96, vocab_size=300,
    )  # fmt: skip
    folder = checkpoints.save(tmp_path, config, checkpoints.byte_pairs(), kind=AutoModel)
    with pytest.raises(UnsupportedModel):
        served(folder)


def _small() -> dict[str, int]:
    return {name: size for name, size in checkpoints.SMALL.items() if name != "num_attention_heads"}


@pytest.mark.parametrize("kind", [T5EncoderModel, T5Model])
async def test_the_half_of_t5_that_encodes_is_served(kind: Any, tmp_path: Path):
    """As sentence-t5 and gtr-t5, which hold one half, and as t5-base, which holds both."""
    config = T5Config(
        d_model=48, d_kv=12, d_ff=96, num_layers=2, num_heads=4, vocab_size=300,
        decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path / "model"
    kind(config).save_pretrained(folder)
    checkpoints.word_piece().save(str(folder / "tokenizer.json"))
    checkpoints.sentence_files(folder)
    loaded = served(folder)
    assert loaded.card.encoder == "padded"
    text = make.encoded((40,), vocabulary=250)
    got = loaded.runner.run(make.batch(text, make.encoded((7, 90), seed=1, vocabulary=250)))
    model = T5EncoderModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        hidden = model(input_ids=torch.from_numpy(text.ids).long()[None])[0][0]
    np.testing.assert_allclose(got[0], hidden.mean(0).numpy(), atol=2e-5)


async def vectors(folder: Path, *texts: str) -> tuple[np.ndarray, np.ndarray]:
    """Ours and the library's."""
    library = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    got = await Answerer(NearEngine(served(folder))).embed(EmbedRequest(texts))
    return got.vectors, np.asarray(library.encode(list(texts)))


TEXTS = ("Mix Flour and WATER", "mix flour and water", "Zürich, Genf und 北京")


async def test_texts_are_put_in_lower_case_where_sentence_transformers_is_told_so(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.xlm_roberta(tmp_path))
    tell(folder / "sentence_bert_config.json", do_lower_case=True)
    got, wanted = await vectors(folder, *TEXTS)
    np.testing.assert_allclose(got, wanted, atol=2e-5)
    np.testing.assert_allclose(got[0], got[1], atol=1e-6)


@pytest.mark.parametrize("lowercase", [True, False])
async def test_berts_normaliser_is_the_one_that_its_configuration_has(lowercase, tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not lowercase)
    tokenizer.save(str(folder / "tokenizer.json"))
    told_words = {"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase}
    tell(folder / "tokenizer_config.json", **told_words)
    got, wanted = await vectors(folder, *TEXTS)
    np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize("name", ["roberta", "distilbert", "xlm-roberta"])
def test_the_limit_of_an_older_sentence_transformers_file_counts(name: str, tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path))
    (folder / "sentence_bert_config.json").unlink()
    tell(folder / f"sentence_{name}_config.json", max_seq_length=16)
    assert served(folder).card.max_input_tokens == 16


async def test_a_model_in_a_folder_of_its_own_is_served_with_the_pooling_beside_it(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path / "model"), pooling="cls_token")
    inner = folder / "0_Transformer"
    inner.mkdir()
    kept = {"modules.json", "config_sentence_transformers.json"}
    for path in [path for path in folder.iterdir() if path.is_file() and path.name not in kept]:
        path.rename(inner / path.name)
    modules = (folder / "modules.json").read_text().replace('"path": ""', '"path": "0_Transformer"')
    (folder / "modules.json").write_text(modules)
    assert served(folder).card.pooling == ("cls",)
    got, wanted = await vectors(folder, *TEXTS)
    np.testing.assert_allclose(got, wanted, atol=2e-5)


async def test_the_end_token_is_added_where_the_tokenizer_is_told_to(tmp_path: Path):
    """As e5-mistral-7b-instruct, whose `tokenizer.json` adds the first token only."""
    (mistral,) = (family for family in FAMILIES if family.name == "Mistral")
    folder = mistral.embedder(tmp_path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    start = tokenizer.get_vocab()["<|endoftext|>"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|>:0 $A:0",
        pair="<|endoftext|>:0 $A:0 $B:1",
        special_tokens=[("<|endoftext|>", start)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    tell(folder / "tokenizer_config.json", add_eos_token=True, eos_token="<|endoftext|>")
    ids = (*tokenizer.encode("mix flour").ids, start)
    answerer = Answerer(NearEngine(served(folder, accept_token_ids=True)))
    got = await answerer.embed(EmbedRequest(("mix flour",)))
    wanted = await answerer.embed(EmbedRequest((ids,)))
    assert got.token_counts.tolist() == [len(ids)]
    np.testing.assert_array_equal(got.vectors, wanted.vectors)


def test_words_without_a_row_are_known_from_the_matrix_and_not_from_the_configuration(
    tmp_path: Path,
):
    folder = checkpoints.bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert served(folder).card.vocabulary_size == checkpoints.SIZE


def test_the_commit_that_is_served_is_told(tmp_path: Path):
    commit = "5617a9f61b028005a4858fdac845db406aefb181"
    cached = checkpoints.bert(tmp_path / "models--a--b" / "snapshots" / commit)
    assert commit_of(cached) == commit
    assert served(cached).card.revision == commit


def test_the_commit_of_a_download_into_a_folder_is_told(tmp_path: Path):
    folder = checkpoints.bert(tmp_path)
    assert commit_of(folder) is None
    noted = folder / ".cache" / "huggingface" / "download"
    noted.mkdir(parents=True)
    commit = "5617a9f61b028005a4858fdac845db406aefb181"
    (noted / "config.json.metadata").write_text(f"{commit}\netag\n1700000000.0\n")
    assert commit_of(folder) == commit
