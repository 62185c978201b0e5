"""Everything this process raises on purpose, and who can act on it.

    RetrievalError
    ├── RequestError            the caller changes the request
    │   ├── Malformed               the body is not what the route takes
    │   ├── Unauthorised            no known bearer key
    │   ├── UnknownModel            another model is served here
    │   ├── UnknownVersion          the model is served without versions
    │   ├── AnswerTooLarge          token vectors of more bytes than the limit
    │   ├── BodyTooLarge            more bytes than the limit
    │   ├── BodyTooSlow             the body did not arrive in time
    │   ├── UnsupportedEncoding     compressed in a way that is not taken
    │   ├── TooManyTexts            more texts than the limit
    │   ├── InputTooLong            a text over the limit, and truncation was refused
    │   ├── NoTokens                a text of which the tokenizer makes nothing
    │   ├── TokenIdsRefused         token ids where only texts are taken
    │   └── OutOfVocabulary         a token id the model does not have
    ├── Overloaded              the caller waits
    ├── WorkerFull              the caller waits: one API worker has its hands full
    ├── DeadlineExceeded        nobody waits any more
    ├── Unavailable             the router picks another pod
    │   ├── NotReady                the model is still loading
    │   ├── EngineLost              the engine died with the request on board
    │   └── DeviceLost              the device failed; the engine is restarted
    ├── ModelFailure            we fix the model or the machine
    │   ├── NonFinite               the model produced NaN or infinity
    │   └── OutOfDeviceMemory       one text alone does not fit
    └── StartupError            whoever configured the service changes it
        ├── ModelNotFound           nothing usable at the model's uri
        ├── UnsupportedModel        a checkpoint this version cannot serve
        ├── UnsafeCheckpoint        only pickled weights, and pickle was not allowed
        ├── NotEnoughMemory         the model or its largest batch does not fit
        ├── ImpossibleSettings      two settings contradict each other
        ├── PortTaken               another process listens where this one should
        └── PreparationRefused      the process that prepares the model found one of these

Constructors take facts and the message is built from them, so that a log line, a metric label and
a test read the same numbers. `code` is stable and is what crosses the socket between processes.
"""

from __future__ import annotations

from retrieval_predictor.errors.request import (
    AnswerTooLarge,
    BodyTooLarge,
    BodyTooSlow,
    InputTooLong,
    Malformed,
    NoTokens,
    OutOfVocabulary,
    RequestError,
    TokenIdsRefused,
    TooManyTexts,
    Unauthorised,
    UnknownModel,
    UnknownVersion,
    UnsupportedEncoding,
)
from retrieval_predictor.errors.root import (
    RetrievalError,
    leaves,
    revive,
)
from retrieval_predictor.errors.running import (
    DeadlineExceeded,
    DeviceLost,
    EngineLost,
    ModelFailure,
    NonFinite,
    NotReady,
    OutOfDeviceMemory,
    Overloaded,
    Unavailable,
    WorkerFull,
)
from retrieval_predictor.errors.startup import (
    ImpossibleSettings,
    ModelNotFound,
    NotEnoughMemory,
    PortTaken,
    PreparationRefused,
    StartupError,
    UnsafeCheckpoint,
    UnsupportedModel,
)

__all__ = [
    "AnswerTooLarge",
    "BodyTooLarge",
    "BodyTooSlow",
    "DeadlineExceeded",
    "DeviceLost",
    "EngineLost",
    "ImpossibleSettings",
    "InputTooLong",
    "Malformed",
    "ModelFailure",
    "ModelNotFound",
    "NoTokens",
    "NonFinite",
    "NotEnoughMemory",
    "NotReady",
    "OutOfDeviceMemory",
    "OutOfVocabulary",
    "Overloaded",
    "PortTaken",
    "PreparationRefused",
    "RequestError",
    "RetrievalError",
    "StartupError",
    "TokenIdsRefused",
    "TooManyTexts",
    "Unauthorised",
    "Unavailable",
    "UnknownModel",
    "UnknownVersion",
    "UnsafeCheckpoint",
    "UnsupportedEncoding",
    "UnsupportedModel",
    "WorkerFull",
    "leaves",
    "revive",
]
