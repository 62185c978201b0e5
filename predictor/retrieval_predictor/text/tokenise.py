"""From texts to token ids, cut to what the model takes; truncation is always reported.

Huge texts are cut by characters before they are tokenised: tokenising 40,000 words to keep 512
tokens costs 57 ms, cutting first 1.8 ms. The cut is taken back where it turns out too short, so
the ids are the same as without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from tokenizers import Encoding, Tokenizer

from retrieval_predictor.errors import InputTooLong, Malformed, NoTokens, OutOfVocabulary
from retrieval_predictor.text.chat import Chat, Form
from retrieval_predictor.text.template import Template, read_template
from retrieval_predictor.wire.work import Encoded, Flags, Ints, Truncation

CHARACTERS_PER_TOKEN = 12
"""More than any ordinary text has; English has about 4.5 and Chinese about 1.5."""

_SLACK_TOKENS = 16
"""Tokens beyond the limit that a cut text must still have, so that a word cut in two is dropped."""

_QUERY_SHARE = 0.75
"""Part of a pair that the query may fill (FlagEmbedding cuts queries at 3/4 of max_length)."""

_LEAST_PAIR_TOKENS = 8
"""Room for query and document that an instruction has to leave."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The ids of a request and which of its texts were cut: (N,) bool."""

    encoded: Encoded
    truncated: Flags


class Tokeniser:
    """Turns texts into ids the way one model wants them. Safe to use from several threads.

    With a `chat`, special tokens written out in a text are read as plain text, because a document
    must not be able to end its own turn and answer for the model.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_tokens: int,
        vocabulary_size: int,
        chat: Chat | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._chat = chat
        if chat is not None:
            tokenizer.encode_special_tokens = True
        self._template: Template = read_template(tokenizer)
        self._max_tokens = max_tokens
        self._vocabulary_size = vocabulary_size

    def texts(
        self, texts: tuple[str, ...], truncation: Truncation, max_body_tokens: int | None = None
    ) -> Tokens:
        """Ids of single texts, special tokens included; `max_body_tokens` does not count those.

        Raises:
            InputTooLong: A text is over the limit and truncation is NEVER.
        """
        template = self._template
        room = self._max_tokens - template.single_tokens
        bodies, cuts = self._bodies(texts, min(room, max_body_tokens or room), truncation)
        rows = [[*template.leading, *body, *template.trailing] for body in bodies]
        return Tokens(self._encoded(rows), np.array(cuts, dtype=np.bool_))

    def apart(
        self,
        query: str,
        documents: tuple[str, ...],
        max_document_tokens: int | None,
        truncation: Truncation,
    ) -> Tokens:
        """Ids of a query and its documents, each a text of its own, the query first.

        Raises:
            InputTooLong: A text is over the limit and truncation is NEVER.
        """
        asked = self.texts((query,), truncation)
        told = self.texts(documents, truncation, max_document_tokens)
        pairs = zip(_arrays(asked.encoded), _arrays(told.encoded), strict=True)
        ids, lengths, segments = (np.concatenate(pair) for pair in pairs)
        cuts = np.concatenate([asked.truncated, told.truncated])
        return Tokens(Encoded(ids, lengths, segments), cuts)

    def pairs(
        self,
        query: str,
        documents: tuple[str, ...],
        max_document_tokens: int | None,
        truncation: Truncation,
    ) -> Tokens:
        """Ids of (query, document) pairs.

        The document is cut, and the query to 3/4 of the room where both are long.
        All documents of a request get the same query, so that their scores can be compared.

        Raises:
            InputTooLong: A text is over the limit and truncation is NEVER.
        """
        template = self._template
        room = self._max_tokens - template.pair_tokens
        told = self._bodies(documents, min(room, max_document_tokens or room), truncation)
        (asked,), (query_cut,) = self._bodies((query,), _query_room(room, told[0]), truncation)
        bodies, cuts = self._fitted(told, room - len(asked), truncation)
        head = [*template.pair_leading, *asked, *template.pair_between]
        rows = [[*head, *body, *template.pair_trailing] for body in bodies]
        encoded = self._encoded(rows)
        if template.pair_has_types:
            encoded = Encoded(
                encoded.ids, encoded.lengths, np.full_like(encoded.lengths, len(head))
            )
        return Tokens(encoded, np.array(cuts, dtype=np.bool_) | query_cut)

    def questions(
        self,
        instruction: str | None,
        query: str,
        documents: tuple[str, ...],
        max_document_tokens: int | None,
        truncation: Truncation,
    ) -> Tokens:
        """Ids of a chat that asks whether each document answers the query.

        The document is cut, and the query to 3/4 of what the rest leaves where both are long.

        Raises:
            InputTooLong: A text is over the limit and truncation is NEVER.
            Malformed: The instruction leaves no room for the texts.
        """
        chat = self._chat
        if chat is None:
            raise AssertionError("a model without a chat was asked a question; this is a bug")
        room = self._max_tokens - chat.tokens
        spaced = tuple(f" {text}" for text in documents)
        told = self._bodies(spaced, min(room, max_document_tokens or room), truncation)
        asked, query_cut = self._question(chat.form, instruction, query, room, told[0], truncation)
        bodies, cuts = self._fitted(told, room - len(asked), truncation)
        rows = [[*chat.leading, *asked, *body, *chat.trailing] for body in bodies]
        return Tokens(self._encoded(rows), np.array(cuts, dtype=np.bool_) | query_cut)

    def _question(
        self,
        form: Form,
        instruction: str | None,
        query: str,
        room: int,
        documents: list[list[int]],
        truncation: Truncation,
    ) -> tuple[list[int], bool]:
        """Ids of a question up to its document, and whether its query was cut.

        Query and document go behind a space. No tokenizer with ChatML joins that space to the colon
        before it, so they may be tokenised apart from what precedes them.
        """
        text = form.before(instruction)
        before, after = self._plain(text), self._plain(form.document)
        left = room - len(before) - len(after)
        if left < _LEAST_PAIR_TOKENS:
            raise Malformed(
                f"prompt and instruction leave {left} of {self._max_tokens} tokens to query and "
                f"document, which need {_LEAST_PAIR_TOKENS}; shorten the instruction"
            )
        (asked,), (is_cut,) = self._bodies((f" {query}",), _query_room(left, documents), truncation)
        if form.is_joined and not is_cut:
            return self._plain(f"{text} {query}{form.document}"), False
        return [*before, *asked, *after], is_cut

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def ids(self, rows: tuple[tuple[int, ...], ...], truncation: Truncation) -> Tokens:
        """Ids that the caller made, taken as they are: no special tokens are added.

        Raises:
            OutOfVocabulary: An id that the model has no vector for.
            InputTooLong: A row is over the limit and truncation is NEVER.
        """
        for index, row in enumerate(rows):
            wrong = next((one for one in row if not 0 <= one < self._vocabulary_size), None)
            if wrong is not None:
                raise OutOfVocabulary(index, wrong, self._vocabulary_size)
        kept = [
            self._cut(index, row, self._max_tokens, truncation) for index, row in enumerate(rows)
        ]
        cuts = [len(row) > self._max_tokens for row in rows]
        return Tokens(self._encoded(kept), np.array(cuts, dtype=np.bool_))

    def _bodies(
        self, texts: tuple[str, ...], limit: int, truncation: Truncation
    ) -> tuple[list[list[int]], list[bool]]:
        if truncation is Truncation.MIDDLE:
            wholes = [self._ends(text, limit) or self._plain(text) for text in texts]
            kept = [self._cut(index, ids, limit, truncation) for index, ids in enumerate(wholes)]
            return kept, [len(ids) > limit for ids in wholes]
        shortened = [_shorten(text, limit, truncation) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(shortened, add_special_tokens=False)
        bodies, cuts = [], []
        for index, (text, short, encoding) in enumerate(
            zip(texts, shortened, encodings, strict=True)
        ):
            whole = self._complete(text, short, encoding, limit)
            bodies.append(self._cut(index, whole.ids, limit, truncation))
            cuts.append(len(whole.ids) > limit)
        return bodies, cuts

    def _fitted(
        self, told: tuple[list[list[int]], list[bool]], limit: int, truncation: Truncation
    ) -> tuple[list[list[int]], list[bool]]:
        """Bodies that were cut to a larger limit, and whether each is cut now."""
        bodies = [self._cut(index, ids, limit, truncation) for index, ids in enumerate(told[0])]
        cuts = [was or len(ids) > limit for ids, was in zip(*told, strict=True)]
        return bodies, cuts

    def _ends(self, text: str, limit: int) -> list[int] | None:
        """Ids of both ends of a huge text, None where either has too few to be cut."""
        least_tokens = limit - limit // 2 + _SLACK_TOKENS
        room = least_tokens * CHARACTERS_PER_TOKEN
        if len(text) <= 2 * room:
            return None
        head, tail = self._plain(text[:room]), self._plain(text[len(text) - room :])
        return [*head, *tail] if min(len(head), len(tail)) > least_tokens else None

    def _complete(self, text: str, short: str, encoding: Encoding, limit: int) -> Encoding:
        """The encoding of the whole text where the shortened one left too few tokens to cut."""
        if len(short) == len(text) or len(encoding.ids) > limit + _SLACK_TOKENS:
            return encoding
        whole: Encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return whole

    def _cut(
        self, index: int, ids: list[int] | tuple[int, ...], limit: int, truncation: Truncation
    ) -> list[int]:
        if len(ids) <= limit:
            return list(ids)
        match truncation:
            case Truncation.NEVER:
                raise InputTooLong(index, len(ids), limit)
            case Truncation.LEFT:
                return list(ids[len(ids) - limit :])
            case Truncation.MIDDLE:
                tail = limit // 2
                return [*ids[: limit - tail], *ids[len(ids) - tail :]]
            case Truncation.RIGHT:
                return list(ids[:limit])

    def _encoded(self, rows: list[list[int]]) -> Encoded:
        """The ids of every row behind one another: whatever reaches the model passes here.

        Raises:
            NoTokens: A row is empty; it would read its neighbour's tokens.
            OutOfVocabulary: An id that the model has no vector for, such as an added token's.
        """
        sizes = list(map(len, rows))
        lengths = np.array(sizes, dtype=np.int32)
        if not lengths.all():
            raise NoTokens(int(lengths.argmin()))
        ids = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=sum(sizes))
        if ids.max() >= self._vocabulary_size:
            place = int(ids.argmax())
            row = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
            raise OutOfVocabulary(row, int(ids[place]), self._vocabulary_size)
        return Encoded(ids, lengths, lengths)


def _query_room(room: int, documents: list[list[int]]) -> int:
    """Tokens that a query may have: what the longest document leaves, 3/4 of the room at least."""
    longest = max(map(len, documents), default=0)
    return max(int(room * _QUERY_SHARE), room - longest)


def _shorten(text: str, limit_tokens: int, truncation: Truncation) -> str:
    """The part of a huge text that can reach the model, by characters."""
    room = (limit_tokens + _SLACK_TOKENS) * CHARACTERS_PER_TOKEN
    if len(text) <= room or truncation is Truncation.NEVER:
        return text
    return text[len(text) - room :] if truncation is Truncation.LEFT else text[:room]


def _arrays(encoded: Encoded) -> tuple[Ints, Ints, Ints]:
    return encoded.ids, encoded.lengths, encoded.segments
