"""What a tokenizer puts around a text or a pair, read off the tokenizer itself.

API workers cut token ids themselves: `tokenizers` keeps truncation as state of the tokenizer,
which is not safe to change between threads (huggingface/tokenizers#537).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

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


def _span(encoding: Encoding, sequence: int) -> tuple[int, int]:
    """First and last place of the tokens that came from one of the texts."""
    places = [place for place, owner in enumerate(encoding.sequence_ids) if owner == sequence]
    return places[0], places[-1]
