"""Who may still queue: the rule of the engine, and the same rule ahead of it in an API worker.

The engine counts exactly. An API worker refuses before it tokenises, from what the engine told it
last and an estimate of the request; only when both say that the engine would refuse anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from retrieval_predictor.errors import Overloaded

QUERY_LANE_TOKENS = 1024
"""A request of at most this many tokens is a query: about two passages, or ninety short queries."""

_FULL_FOR_ALL = 2
"""A lane that holds this many times its bound takes nobody, whatever their share."""

_LEAST_RETRY_S = 1.0

_FIRST_TOKENS_PER_CHARACTER = 0.25
_LEARNING = 0.05
"""Share of the newest request in the average: the last fifty requests make 92 % of it."""

_MEMORY_S = 0.1
"""A client that the engine refused is refused for this long without asking it again."""

_REMEMBERED = 1024
"""Clients whose refusal is remembered; with more the oldest have long been too old to matter."""


@dataclass(frozen=True, slots=True)
class Load:
    """What waits in the engine's two lanes, the bound of each, and the rate at which they empty."""

    query_tokens: int = 0
    bulk_tokens: int = 0
    max_query_tokens: int = 0
    max_bulk_tokens: int = 0
    tokens_per_s: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens that wait in both lanes."""
        return self.query_tokens + self.bulk_tokens


def fits(asked: int, held: int, waiting: int, clients: int, limit: int) -> bool:
    """Whether a lane takes a request of so many tokens.

    `held` are the tokens of the request's client that wait, `waiting` those of all `clients`. An
    empty lane takes anything; a full one takes who has less than an equal share of it.
    """
    if not waiting or waiting + asked <= limit:
        return True
    everyone = clients if held else clients + 1
    return held + asked <= limit // everyone and waiting + asked <= _FULL_FOR_ALL * limit


def retry_after_s(asked: int, waiting: int, limit: int, tokens_per_s: float) -> float:
    """Seconds until there is room for a request that does not fit, at least one."""
    return max((waiting + asked - limit) / max(tokens_per_s, 1.0), _LEAST_RETRY_S)


class Estimate:
    """How many tokens a text is likely to have, from what recent texts had."""

    def __init__(self) -> None:
        self._tokens_per_character = _FIRST_TOKENS_PER_CHARACTER

    def tokens(self, characters: Iterable[int], limit_tokens: int) -> int:
        """Tokens of texts with so many characters, each cut to the limit."""
        rate = self._tokens_per_character
        return sum(min(int(rate * size) + 1, limit_tokens) for size in characters)

    def learn(self, characters: int, tokens: int) -> None:
        """Take a tokenised request into account, of which nothing was cut."""
        if characters:
            rate = min(tokens / characters, 1.0)
            self._tokens_per_character += _LEARNING * (rate - self._tokens_per_character)


class Gate:
    """An API worker's view of one engine's queue; the clock is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._load = Load()
        self._sent_tokens = {True: 0, False: 0}
        self._refused_s: dict[tuple[int, bool], float] = {}

    @property
    def load(self) -> Load:
        """What the engine told last."""
        return self._load

    @property
    def waiting_tokens(self) -> int:
        """Tokens that wait, with those sent since the engine told."""
        return self._load.tokens + sum(self._sent_tokens.values())

    def told(self, load: Load) -> None:
        """The engine said what waits."""
        self._load = load
        self._sent_tokens = {True: 0, False: 0}

    def sent(self, tokens: int) -> None:
        """A request of so many tokens left for the engine."""
        self._sent_tokens[_is_query(tokens)] += tokens

    def refused(self, tokens: int, client: int) -> None:
        """The engine refused a request of so many tokens of a client."""
        if len(self._refused_s) >= _REMEMBERED:
            self._refused_s.clear()
        self._refused_s[client, _is_query(tokens)] = self._clock()

    def check(self, tokens: int, client: int) -> None:
        """Let a request of about so many tokens pass, or refuse it.

        Raises:
            Overloaded: Its lane is full for everyone, or this client was refused just now and the
                lane is still full.
        """
        is_query, load = _is_query(tokens), self._load
        told = load.query_tokens if is_query else load.bulk_tokens
        limit = load.max_query_tokens if is_query else load.max_bulk_tokens
        waiting = told + self._sent_tokens[is_query]
        if not told or waiting + tokens <= limit:
            return
        since_s = self._clock() - self._refused_s.get((client, is_query), float("-inf"))
        if waiting + tokens > _FULL_FOR_ALL * limit or since_s < _MEMORY_S:
            retry_s = retry_after_s(tokens, waiting, limit, load.tokens_per_s)
            raise Overloaded(tokens, waiting, limit, retry_s)


def _is_query(tokens: int) -> bool:
    return tokens <= QUERY_LANE_TOKENS
