"""The tokenizer of a checkpoint as one file, and how many tokens of a text are taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import Sequence, TemplateProcessing
from transformers import AutoTokenizer

from retrieval_predictor.errors import ImpossibleSettings, Malformed, UnsupportedModel
from retrieval_predictor.model.checkpoint import Checkpoint
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


def tokenizer_file(settings: Settings, checkpoint: Checkpoint, scratch: Path) -> Path:
    """The checkpoint's `tokenizer.json`, or one made from its other files in `scratch`.

    Raises:
        UnsupportedModel: There are no files that one could be made from.
    """
    path = checkpoint.folder / "tokenizer.json"
    if path.is_file():
        return _with_end(path, _told(checkpoint), scratch)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.folder, trust_remote_code=settings.model.trust_remote_code
        )
        tokenizer.backend_tokenizer.save(str(scratch / "tokenizer.json"))
    except (ValueError, OSError, AttributeError) as error:
        raise UnsupportedModel(checkpoint.uri, "it has no tokenizer.json to be had") from error
    return scratch / "tokenizer.json"


def _with_end(path: Path, told: dict[str, Any], scratch: Path) -> Path:
    """The file, or one that puts the end token behind each text where own code would do so.

    The code that comes with gte-Qwen2 reads `add_eos_token`; transformers' own does not where there
    is a `tokenizer.json`. Its models pool by that last token.
    """
    if not (told.get("auto_map") and told.get("add_eos_token")):
        return path
    tokenizer, end = open_tokenizer(path), _text(told.get("eos_token"))
    end_id = tokenizer.token_to_id(end)
    if end_id is None or end_id in read_template(tokenizer).trailing:
        return path
    single, pair = f"$A:0 {end}:0", f"$A:0 {end}:0 $B:1 {end}:1"
    template = TemplateProcessing(single=single, pair=pair, special_tokens=[(end, end_id)])
    before = [tokenizer.post_processor] if tokenizer.post_processor else []
    tokenizer.post_processor = Sequence([*before, template])
    tokenizer.save(str(scratch / path.name))
    return scratch / path.name


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.folder / "tokenizer_config.json"
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
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
