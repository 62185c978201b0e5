"""The tokenizer of a checkpoint as one file, and how many tokens of a text are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from retrieval_predictor.errors import ImpossibleSettings, Malformed, UnsupportedModel
from retrieval_predictor.model.checkpoint import Checkpoint
from retrieval_predictor.model.modules import read_json
from retrieval_predictor.settings import Settings
from retrieval_predictor.text.chat import Chat
from retrieval_predictor.text.template import open_tokenizer, read_template
from retrieval_predictor.text.tokenise import Tokeniser
from retrieval_predictor.wire.work import Truncation

_SPECIAL_TOKENS = {
    "cls_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
}
"""By their roles in `tokenizer_config.json`, and as XLM-RoBERTa has them where it is silent."""


_VOCABULARIES = (
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "*.spm",
    "*.bpe.codes",
    "bpe.codes",
)
"""Files that hold a tokenizer's words, by any library."""

_BERT_OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


def tokenizer_file(settings: Settings, checkpoint: Checkpoint, scratch: Path) -> Path:
    """The checkpoint's `tokenizer.json`, or one made from its other files in `scratch`.

    Raises:
        UnsupportedModel: There are no files that one could be made from.
    """
    path = checkpoint.folder / "tokenizer.json"
    if not path.is_file():
        path = _converted(settings, checkpoint, scratch)
    return _as_told(path, _told(checkpoint), scratch, lowercases=checkpoint.lowercases)


def _converted(settings: Settings, checkpoint: Checkpoint, scratch: Path) -> Path:
    """A `tokenizer.json` made from a tokenizer's other files.

    transformers makes one from nothing where there are none, to which every word is unknown.
    """
    if not any(path for kind in _VOCABULARIES for path in checkpoint.folder.glob(kind)):
        raise UnsupportedModel(
            checkpoint.uri, "it has no files of a tokenizer; save that beside the model"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.folder, trust_remote_code=settings.model.trust_remote_code
        )
        tokenizer.backend_tokenizer.save(str(scratch / "tokenizer.json"))
    except Exception as error:
        raise UnsupportedModel(checkpoint.uri, "it has no tokenizer.json to be had") from error
    return scratch / "tokenizer.json"


def _as_told(path: Path, told: dict[str, Any], scratch: Path, *, lowercases: bool) -> Path:
    """The file, or one with what the checkpoint's other files ask for.

    Source: sentence-transformers 5, `Transformer`, which puts texts in lower case first.
    """
    tokenizer = open_tokenizer(path)
    as_saved = tokenizer.to_str()
    _normalise_as_told(tokenizer, told)
    if lowercases:
        after = [tokenizer.normalizer] if tokenizer.normalizer else []
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *after])
    _add_end(tokenizer, told)
    if tokenizer.to_str() == as_saved:
        return path
    tokenizer.save(str(scratch / "tokenizer.json"))
    return scratch / "tokenizer.json"


def _normalise_as_told(tokenizer: Tokenizer, told: dict[str, Any]) -> None:
    """BERT's normaliser as `tokenizer_config.json` has it: transformers builds it from there."""
    normaliser = tokenizer.normalizer
    if isinstance(normaliser, normalizers.BertNormalizer):
        for key, name in _BERT_OPTIONS.items():
            if key in told:
                setattr(normaliser, name, told[key])
        tokenizer.normalizer = normaliser


def _add_end(tokenizer: Tokenizer, told: dict[str, Any]) -> None:
    """Put the end token behind each text where the tokenizer is to do so and its file does not.

    Models that were trained so pool by that last token, as e5-mistral and gte-Qwen2.
    """
    if not told.get("add_eos_token"):
        return
    end, template = _text(told.get("eos_token")), read_template(tokenizer)
    if tokenizer.token_to_id(end) in {None, *template.trailing}:
        return
    first, between, last, single_first, single_last = (
        [str(tokenizer.id_to_token(one)) for one in ids]
        for ids in (
            template.pair_leading,
            template.pair_between,
            template.pair_trailing,
            template.leading,
            template.trailing,
        )
    )
    words = tokenizer.get_vocab()
    special = {*first, *between, *last, *single_first, *single_last, end}
    tokenizer.post_processor = TemplateProcessing(
        single=[*single_first, "$A:0", *single_last, end],
        pair=[*first, "$A:0", end, *between, "$B:1", *last, f"{end}:1"],
        special_tokens=[(word, words[word]) for word in sorted(special)],
    )


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.folder / "tokenizer_config.json"
    told: dict[str, Any] = read_json(path, checkpoint.uri)
    return told


def _text(word: Any) -> str:
    """A special token as configurations write it: its text, or an object with that."""
    return str(word["content"] if isinstance(word, dict) else word)


def special_ids(checkpoint: Checkpoint, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Ids of the tokens that stand for no word: start, end, padding and unknown.

    Source: FlagEmbedding 1.3, `M3Embedder`, which gives no weight to these four.
    """
    told = _told(checkpoint)
    words = [told.get(role) or usual for role, usual in _SPECIAL_TOKENS.items()]
    ids = map(tokenizer.token_to_id, map(_text, words))
    return tuple(sorted({one for one in ids if one is not None}))


def max_tokens_of(settings: Settings, checkpoint: Checkpoint) -> int:
    """The configured limit of a text; the checkpoint's own where there is none.

    A limit above sentence-transformers' `max_seq_length` is allowed, above the model's positions
    is not: there are no position vectors for it.

    Raises:
        ImpossibleSettings: The configured limit is above the model's positions.
    """
    if settings.max_input_tokens is None:
        return min(checkpoint.max_tokens, settings.batching.max_batch_tokens)
    if settings.max_input_tokens > checkpoint.max_positions:
        raise ImpossibleSettings(
            f"maxInputTokens {settings.max_input_tokens} is above the {checkpoint.max_positions} "
            f"positions of {checkpoint.uri}; lower it"
        )
    return settings.max_input_tokens


def require_room(tokenizer: Tokenizer, chat: Chat, instruction: str | None, limit: int) -> None:
    """Refuse a limit that a question fills before it has a query and a document.

    Raises:
        ImpossibleSettings: It does.
    """
    tokeniser = Tokeniser(tokenizer, limit, tokenizer.get_vocab_size(), chat)
    try:
        tokeniser.questions(instruction, "", ("",), None, Truncation.RIGHT)
    except Malformed as error:
        raise ImpossibleSettings(f"{error}, or raise maxInputTokens") from error
