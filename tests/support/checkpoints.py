"""Tiny checkpoints with random weights in real architectures, with real tokenizer files.

Nothing is downloaded: tokenizers are trained here on a few sentences, weights come from a seed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from sentence_transformers.base.modules import Dense
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    ModernBertConfig,
    MPNetConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    XLMRobertaConfig,
)

SENTENCES = (
    "how do I bake a loaf of bread at home",
    "mix flour, water, salt and yeast, then wait until the dough has doubled",
    "the market closed lower on Monday after three days of gains",
    "a transformer is a stack of attention and feed-forward layers",
    "Zürich und Genf liegen an Seen, 北京 und 東京 nicht",
)
SIZE = 300
_PADS = ("[PAD]", "<pad>", "<|endoftext|>")
_CHAT = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The words of Qwen's tokenizers (tokenizer.json of Qwen/Qwen3-Reranker-0.6B)."""
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}


def bert(folder: Path, **more: object) -> Path:
    """BERT: WordPiece, absolute positions, token types."""
    tokenizer = word_piece()
    config = BertConfig(**{**SMALL, "intermediate_size": 96, "vocab_size": SIZE, **more})
    return save(folder, config, tokenizer)


def xlm_roberta(folder: Path, *, labels: int | None = None) -> Path:
    """XLM-RoBERTa: Unigram, positions from padding_idx + 1; a classifier where labels are given."""
    config = XLMRobertaConfig(
        **SMALL,
        intermediate_size=96,
        vocab_size=SIZE,
        max_position_embeddings=130,
        pad_token_id=1,
        type_vocab_size=1,
        **({} if labels is None else {"num_labels": labels}),
    )
    kind = AutoModel if labels is None else AutoModelForSequenceClassification
    return save(folder, config, unigram(), kind=kind)


def bert_classifier(folder: Path, labels: int = 1) -> Path:
    """A BERT cross-encoder."""
    config = BertConfig(**SMALL, intermediate_size=96, vocab_size=SIZE, num_labels=labels)
    return save(folder, config, word_piece(), kind=AutoModelForSequenceClassification)


def qwen3(folder: Path) -> Path:
    """Qwen3: byte-level BPE, rotary positions, causal, grouped-query attention."""
    config = Qwen3Config(
        **SMALL,
        num_key_value_heads=2,
        head_dim=16,
        intermediate_size=96,
        vocab_size=SIZE,
        max_position_embeddings=512,
    )
    return save(folder, config, byte_pairs())


def qwen3_reranker(folder: Path, *, tied: bool = True) -> Path:
    """Qwen3 as a language model that knows ChatML, with the words yes and no in one token each."""
    return _language_model(folder, Qwen3Config, tied=tied, head_dim=16)


def mxbai_reranker(folder: Path) -> Path:
    """Qwen2 as a language model that knows ChatML; every digit is a token."""
    return _language_model(folder, Qwen2Config, tied=True)


def converted(source: Path, folder: Path, answers: tuple[str, str], *, labels: int) -> Path:
    """A language model whose rows for (no, yes), or their difference, are made its classifier."""
    shutil.copytree(source, folder)
    words = Tokenizer.from_file(str(source / "tokenizer.json")).get_vocab()
    language = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    rows = language.lm_head.weight.detach()[[words[answer] for answer in answers]]
    model = AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=labels, pad_token_id=0, dtype=torch.float32
    )
    with torch.no_grad():
        model.score.weight.copy_(rows if labels == 2 else rows[1:] - rows[:1])
    model.save_pretrained(folder)
    return folder


def _language_model(
    folder: Path, make: Callable[..., PretrainedConfig], *, tied: bool, **more: int
) -> Path:
    config = make(
        **SMALL,
        **more,
        num_key_value_heads=2,
        intermediate_size=96,
        vocab_size=SIZE + len(_CHAT),
        max_position_embeddings=1024,
        tie_word_embeddings=tied,
    )
    tokenizer = byte_pairs(extra=("yes", "no") * 9, split=_QWEN_SPLIT)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    special = [AddedToken(word, special=word.startswith("<|"), normalized=False) for word in _CHAT]
    tokenizer.add_tokens(special)
    return save(folder, config, tokenizer, kind=AutoModelForCausalLM)


def modernbert(folder: Path) -> Path:
    """ModernBERT: local attention in a window of 128 tokens in two layers of three."""
    config = ModernBertConfig(
        **SMALL,
        intermediate_size=96,
        vocab_size=SIZE,
        max_position_embeddings=512,
        pad_token_id=0,
        reference_compile=False,
    )
    return save(folder, config, word_piece())


def mpnet(folder: Path) -> Path:
    """MPNet: relative position buckets inside attention, which packing cannot reproduce."""
    config = MPNetConfig(
        **SMALL, intermediate_size=96, vocab_size=SIZE, max_position_embeddings=130
    )
    return save(folder, config, word_piece())


def sentence_files(
    folder: Path,
    *,
    pooling: str = "mean_tokens",
    normalise: bool = True,
    prompts: dict[str, str] | None = None,
    max_seq_length: int = 128,
) -> Path:
    """Add the files that make a transformers checkpoint a sentence-transformers one."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalise else [])]
    modules = [
        {
            "idx": index,
            "name": str(index),
            "path": "" if index == 0 else f"{index}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for index, kind in enumerate(kinds)
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_seq_length})
    _write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 48, f"pooling_mode_{pooling}": True},
    )
    _write(folder / "config_sentence_transformers.json", {"prompts": prompts or {}})
    return folder


def add_token_heads(folder: Path, *, dimensions: int = 40, pickled: bool = False) -> Path:
    """Put bge-m3's layers over tokens beside a checkpoint, one number and `dimensions` wide."""
    torch.manual_seed(2)
    for name, width in (("sparse_linear", 1), ("colbert_linear", dimensions)):
        layer = torch.nn.Linear(SMALL["hidden_size"], width)
        if pickled:
            torch.save(layer.state_dict(), folder / f"{name}.pt")
        else:
            save_file(layer.state_dict(), folder / f"{name}.safetensors")
    return folder


def split_weights(folder: Path) -> Path:
    """Save the weights again, in files of at most 50 kB with an index."""
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="50KB")
    return folder


def add_dense(folder: Path, layers: Sequence[Dense]) -> Path:
    """Put projections between the pooling and whatever follows it."""
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    first, after = modules[:2], modules[2:]
    for index, layer in enumerate(layers, start=2):
        path = f"{index}_Dense"
        (folder / path).mkdir()
        layer.save(str(folder / path))
        kind = "sentence_transformers.models.Dense"
        first.append({"name": path, "path": path, "type": kind})
    modules = [module | {"idx": index} for index, module in enumerate((*first, *after))]
    _write(folder / "modules.json", modules)
    return folder


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def save(
    folder: Path, config: PretrainedConfig, tokenizer: Tokenizer, *, kind: Any = AutoModel
) -> Path:
    """A checkpoint of this configuration with random weights, in `folder`."""
    torch.manual_seed(0)
    model = kind.from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # biases and norms start at 0 and 1, and a classifier has to tell texts apart
            is_last = name.startswith(("classifier", "score")) and weight.shape[0] <= 2
            scale = 0.15 if is_last else 0.05
            weight.add_(torch.randn_like(weight) * scale)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", _tokenizer_config(config, tokenizer))
    return folder


def _tokenizer_config(config: PretrainedConfig, tokenizer: Tokenizer) -> dict[str, object]:
    """What the library itself needs to know to pad, and whether to give token types."""
    types = ["token_type_ids"] if getattr(config, "type_vocab_size", 0) > 1 else []
    pads = (word for word in _PADS if tokenizer.token_to_id(word) is not None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", *types, "attention_mask"],
        "pad_token": next(pads),
    }


def word_piece() -> Tokenizer:
    """A tokenizer as BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        SENTENCES, trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=special)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def unigram() -> Tokenizer:
    """A tokenizer as XLM-RoBERTa's."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


def byte_pairs(extra: tuple[str, ...] = (), split: str | None = None) -> Tokenizer:
    """A tokenizer as Qwen's: bytes, no unknown word, an end of text behind each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split is not None:
        words = pre_tokenizers.Split(Regex(split), "isolated")
        whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, whole])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((*extra, *SENTENCES), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>",
        pair="$A $B:1 <|endoftext|>:1",
        special_tokens=[("<|endoftext|>", 0)],
    )
    return tokenizer
