"""What the caller has to change before the same request can succeed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from retrieval_predictor.errors.root import RetrievalError


@dataclass(eq=False)
class RequestError(RetrievalError):
    """The same request will fail again; the caller has to change it."""


@dataclass(eq=False)
class Malformed(RequestError):
    """The body is not what the route takes."""

    code: ClassVar[str] = "malformed"
    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class Unauthorised(RequestError):
    """The request carries no key that this service knows."""

    code: ClassVar[str] = "unauthorised"

    def __str__(self) -> str:
        return "a valid key is needed: send it as 'Authorization: Bearer KEY'"


@dataclass(eq=False)
class UnknownModel(RequestError):
    """Another model is served here."""

    code: ClassVar[str] = "unknown_model"
    asked: str
    served: str

    def __str__(self) -> str:
        return f"no model {self.asked!r} here; this predictor serves {self.served!r}"


@dataclass(eq=False)
class UnknownVersion(RequestError):
    """A version of the model is asked for, and it is served without versions."""

    code: ClassVar[str] = "unknown_version"
    asked: str
    served: str

    def __str__(self) -> str:
        return f"no version {self.asked!r} of {self.served!r} here; leave the version out"


@dataclass(eq=False)
class BodyTooLarge(RequestError):
    """The body has more bytes than the limit."""

    code: ClassVar[str] = "body_too_large"
    size_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"the body has {self.size_bytes} bytes or more, the limit is {self.limit_bytes}; "
            "send fewer texts a request"
        )


@dataclass(eq=False)
class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    code: ClassVar[str] = "body_too_slow"
    received_bytes: int
    limit_s: float

    def __str__(self) -> str:
        return (
            f"{self.received_bytes} bytes of the body arrived in {self.limit_s:.0f} s, which is "
            "the limit; send it faster"
        )


@dataclass(eq=False)
class UnsupportedEncoding(RequestError):
    """The body is compressed in a way that is not taken here."""

    code: ClassVar[str] = "unsupported_encoding"
    encoding: str

    def __str__(self) -> str:
        return f"content-encoding '{self.encoding}' is not taken here; send gzip, deflate or none"


@dataclass(eq=False)
class TooManyTexts(RequestError):
    """The request has more texts than the limit."""

    code: ClassVar[str] = "too_many_texts"
    count: int
    limit: int

    def __str__(self) -> str:
        return f"{self.count} texts in one request, the limit is {self.limit}; split the request"


@dataclass(eq=False)
class AnswerTooLarge(RequestError):
    """The token vectors asked for take more bytes than the limit."""

    code: ClassVar[str] = "answer_too_large"
    tokens: int
    size_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"the vectors of {self.tokens} tokens take {self.size_bytes} bytes, the limit is "
            f"{self.limit_bytes}; send fewer texts a request"
        )


@dataclass(eq=False)
class InputTooLong(RequestError):
    """A text is over the limit and the caller asked not to cut it."""

    code: ClassVar[str] = "input_too_long"
    index: int
    tokens: int
    limit_tokens: int

    def __str__(self) -> str:
        return (
            f"input {self.index} has {self.tokens} tokens, the limit is {self.limit_tokens}; "
            "shorten it or allow truncation"
        )


@dataclass(eq=False)
class NoTokens(RequestError):
    """A text of which the tokenizer makes nothing: there is nothing to compute a row from."""

    code: ClassVar[str] = "no_tokens"
    index: int

    def __str__(self) -> str:
        return (
            f"input {self.index} has no tokens: it is empty, and this model's tokenizer puts "
            "nothing around a text; leave it out"
        )


@dataclass(eq=False)
class TokenIdsRefused(RequestError):
    """Token ids where only texts are taken: nothing shows whose vocabulary they are of."""

    code: ClassVar[str] = "token_ids_refused"

    def __str__(self) -> str:
        return (
            "token ids are not taken here; send texts (LangChain's OpenAIEmbeddings does with "
            "check_embedding_ctx_length=False), or set acceptTokenIds: true if every client sends "
            "ids of this model's own tokenizer"
        )


@dataclass(eq=False)
class OutOfVocabulary(RequestError):
    """A token id that the model has no embedding for."""

    code: ClassVar[str] = "out_of_vocabulary"
    index: int
    token_id: int
    vocabulary_size: int

    def __str__(self) -> str:
        return (
            f"input {self.index} has token id {self.token_id}, "
            f"the vocabulary has ids 0 to {self.vocabulary_size - 1}"
        )
