"""What a tokenizer puts around a text or a pair, read off the tokenizer itself.

API workers cut token ids themselves: `tokenizers` keeps truncation as state of the tokenizer,
which is not safe to change between threads (huggingface/tokenizers#537).

A yes-or-no reranker is asked in a chat instead: the texts and their order are those of the model
card of Qwen/Qwen3-Reranker-0.6B.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

DEFAULT_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
"""What a yes-or-no reranker is told where nobody says otherwise (model card, as above)."""

_CHAT_OPENING = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
_CHAT_CLOSING = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
_CHAT_WORDS = ("<|im_start|>", "<|im_end|>", "yes", "no")

_PROBE = "a"


@dataclass(frozen=True, slots=True)
class Template:
    """Special token ids around one text, and around and between the two texts of a pair.

    `pair_has_types` says whether the second text has token type 1, as BERT's has.
    """

    leading: tuple[int, ...]
    trailing: tuple[int, ...]
    pair_leading: tuple[int, ...]
    pair_between: tuple[int, ...]
    pair_trailing: tuple[int, ...]
    pair_has_types: bool

    @property
    def single_tokens(self) -> int:
        """Special tokens around one text."""
        return len(self.leading) + len(self.trailing)

    @property
    def pair_tokens(self) -> int:
        """Special tokens around and between two texts."""
        return len(self.pair_leading) + len(self.pair_between) + len(self.pair_trailing)


@dataclass(frozen=True, slots=True)
class Chat:
    """Token ids before and after a question to a yes-or-no reranker, and those of the answers."""

    leading: tuple[int, ...]
    trailing: tuple[int, ...]
    yes: int
    no: int

    @property
    def tokens(self) -> int:
        """Tokens around a question."""
        return len(self.leading) + len(self.trailing)


def open_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer.json without the truncation and padding that some checkpoints save in it."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_template(tokenizer: Tokenizer) -> Template:
    """Find the template by encoding one text and one pair."""
    single = tokenizer.encode(_PROBE)
    pair = tokenizer.encode(_PROBE, _PROBE)
    first, last = _span(single, 0)
    a_first, a_last = _span(pair, 0)
    b_first, b_last = _span(pair, 1)
    return Template(
        leading=tuple(single.ids[:first]),
        trailing=tuple(single.ids[last + 1 :]),
        pair_leading=tuple(pair.ids[:a_first]),
        pair_between=tuple(pair.ids[a_last + 1 : b_first]),
        pair_trailing=tuple(pair.ids[b_last + 1 :]),
        pair_has_types=pair.type_ids[b_first] == 1,
    )


def missing_chat_words(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Tokens that a yes-or-no reranker needs and this tokenizer does not have."""
    return tuple(word for word in _CHAT_WORDS if tokenizer.token_to_id(word) is None)


def read_chat(tokenizer: Tokenizer) -> Chat:
    """The chat in ids, from a tokenizer that misses none of its words."""
    words = tokenizer.get_vocab()
    opening, closing = (
        tuple(tokenizer.encode(text, add_special_tokens=False).ids)
        for text in (_CHAT_OPENING, _CHAT_CLOSING)
    )
    return Chat(opening, closing, words["yes"], words["no"])


def ask(instruction: str, query: str) -> tuple[str, str, str]:
    """The question before its document: up to the query, the query, and what follows it.

    The document goes behind a space. No tokenizer with ChatML joins that space to the colon before
    it, so the two may be tokenised apart; a query's last sign and the line break are joined.
    """
    return f"<Instruct>: {instruction}\n<Query>:", f" {query}", "\n<Document>:"


def _span(encoding: Encoding, sequence: int) -> tuple[int, int]:
    """First and last place of the tokens that came from one of the texts."""
    places = [place for place, owner in enumerate(encoding.sequence_ids) if owner == sequence]
    return places[0], places[-1]
