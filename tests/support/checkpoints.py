"""Tiny checkpoints with random weights in real architectures, with real tokenizer files.

Nothing is downloaded: tokenizers are trained here on a few sentences, weights come from a seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
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
    return save(folder, config, _unigram(), kind=kind)


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
    return save(folder, config, _byte_pairs())


def qwen3_reranker(folder: Path, *, tied: bool = True) -> Path:
    """Qwen3 as a language model that knows ChatML, with the words yes and no in one token each."""
    config = Qwen3Config(
        **SMALL,
        num_key_value_heads=2,
        head_dim=16,
        intermediate_size=96,
        vocab_size=SIZE + len(_CHAT),
        max_position_embeddings=1024,
        tie_word_embeddings=tied,
    )
    tokenizer = _byte_pairs(extra=("yes", "no") * 9, split=_QWEN_SPLIT)
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
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)  # biases and norms start at 0 and 1
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    return folder


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


def _unigram() -> Tokenizer:
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


def _byte_pairs(extra: tuple[str, ...] = (), split: str | None = None) -> Tokenizer:
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
