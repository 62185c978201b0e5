"""What goes wrong in search, as branches of the predictor's one tree.

RetrievalError
├── RequestError
│   └── UnknownIndex            another index is served here
├── Overloaded
│   └── TooManyQueries          more queries wait than are answered in time
├── Unavailable
│   ├── EmbedderAway            no vector for the query
│   └── RerankerAway            no order of the candidates, and the caller insists on one
└── StartupError
    ├── IndexMissing            nothing was published there
    ├── IndexHalfPublished      a file that the manifest names is not there
    ├── IndexCorrupt            a file is not what was published
    ├── IndexForeign            something else, or of another version of this program
    ├── IndexNotShareable       a file that would be copied into memory
    ├── AnotherSpace            vectors of another embedder
    ├── BadPassage              a record that is no passage
    ├── SameId                  two passages with one id
    ├── AnotherBuild            what lies there was begun with other settings
    └── EmbedderRefused         the embedder does not answer as one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from retrieval_predictor.errors import Overloaded, StartupError, Unavailable, UnknownModel


@dataclass(eq=False)
class UnknownIndex(UnknownModel):
    """Another index is served here."""

    code: ClassVar[str] = "unknown_index"

    def __str__(self) -> str:
        return f"no index {self.asked!r} here; this service searches {self.served!r}"


@dataclass(eq=False)
class TooManyQueries(Overloaded):
    """So many queries wait that another would not be answered in time.

    The inherited fields count queries here.
    """

    code: ClassVar[str] = "too_many_queries"

    def __str__(self) -> str:
        return (
            f"{self.queued_tokens} queries wait and {self.limit_tokens} are answered in time; "
            f"retry in {self.retry_after_s:.0f} s"
        )


@dataclass(eq=False)
class EmbedderAway(Unavailable):
    """The embedder gave no vector."""

    code: ClassVar[str] = "embedder_away"
    url: str
    detail: str

    def __str__(self) -> str:
        return f"the embedder at {self.url} gave no vector ({self.detail}); retry"


@dataclass(eq=False)
class RerankerAway(Unavailable):
    """The reranker gave no scores."""

    code: ClassVar[str] = "reranker_away"
    url: str
    detail: str

    def __str__(self) -> str:
        return (
            f"the reranker at {self.url} gave no scores ({self.detail}); retry, or send "
            '"rerank": {"required": false} to take the order without it'
        )


@dataclass(eq=False)
class IndexMissing(StartupError):
    """Nothing was published there."""

    code: ClassVar[str] = "index_missing"
    path: str
    detail: str = "nothing was published there"

    def __str__(self) -> str:
        return f"no index at {self.path}: {self.detail}; `retrieval index build` makes one"


@dataclass(eq=False)
class IndexHalfPublished(StartupError):
    """A file that the manifest names is not there."""

    code: ClassVar[str] = "index_half_published"
    path: str
    file: str

    def __str__(self) -> str:
        return (
            f"index {self.path} lacks {self.file}, which its manifest names; it was copied before "
            "it was complete: copy it again"
        )


@dataclass(eq=False)
class IndexCorrupt(StartupError):
    """A file is not what was published."""

    code: ClassVar[str] = "index_corrupt"
    path: str
    file: str
    detail: str

    def __str__(self) -> str:
        return f"index {self.path}: {self.file} is damaged ({self.detail}); copy or build it again"


@dataclass(eq=False)
class IndexForeign(StartupError):
    """Not an index of ours, or one of another format."""

    code: ClassVar[str] = "index_foreign"
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path} is no index that this version reads: {self.detail}"


@dataclass(eq=False)
class IndexNotShareable(StartupError):
    """Opening a file copied it into the memory of this process."""

    code: ClassVar[str] = "index_not_shareable"
    file: str
    private_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.file} took {self.private_bytes} bytes of private memory where it should be "
            "mapped; build it with a kind that can be shared (Flat, IVF_SQ8, HNSW_SQ8, IVF_RABITQ)"
        )


@dataclass(eq=False)
class AnotherSpace(StartupError):
    """The index has vectors of another embedder than the one that is asked."""

    code: ClassVar[str] = "another_space"
    index: str
    embedder: str
    cosine: float

    def __str__(self) -> str:
        return (
            f"the index was built with {self.index} and the embedder is {self.embedder}: their "
            f"vectors of one text have cosine {self.cosine:.4f}; build a version with this "
            "embedder, or serve the index's own"
        )


@dataclass(eq=False)
class BadPassage(StartupError):
    """A record of the source is no passage."""

    code: ClassVar[str] = "bad_passage"
    source: str
    number: int
    detail: str

    def __str__(self) -> str:
        return f"{self.source}, record {self.number}: {self.detail}"


@dataclass(eq=False)
class SameId(StartupError):
    """Two passages have the same id."""

    code: ClassVar[str] = "same_id"
    id: str
    first: int
    second: int

    def __str__(self) -> str:
        return (
            f"passages {self.first} and {self.second} both have id {self.id!r}; "
            "an id names one passage"
        )


@dataclass(eq=False)
class AnotherBuild(StartupError):
    """The unfinished build that lies there was begun with something else."""

    code: ClassVar[str] = "another_build"
    path: str
    field: str
    begun: str
    asked: str

    def __str__(self) -> str:
        return (
            f"the unfinished build in {self.path} was begun with {self.field} {self.begun} and is "
            f"now asked for with {self.asked}; go on as it was begun, or add --restart"
        )


@dataclass(eq=False)
class EmbedderRefused(StartupError):
    """What answers at the embedder's address is no embedder that can be used."""

    code: ClassVar[str] = "embedder_refused"
    url: str
    detail: str

    def __str__(self) -> str:
        return f"the embedder at {self.url} cannot be used: {self.detail}"
