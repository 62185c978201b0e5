"""What an object that could not be applied says in the status. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from retrieval_operator.derive import KServe, KServeState, Word
from retrieval_operator.errors import (
    ClusterRefused,
    FieldsContested,
    KindMissing,
    NameTaken,
    OperatorError,
    WebhookUnreachable,
)
from retrieval_operator.world import INFERENCE_SERVICE, Ref

TOLD: Final = (NameTaken, FieldsContested, ClusterRefused, KindMissing, WebhookUnreachable)
"""What becomes a condition of the object, while its other parts go on."""
_NO_RIGHT: Final = re.compile(r"User \S+ cannot|cannot \w+ resource")
"""Kubernetes' RBAC says so (apiserver, responsewriters.Forbidden)."""


def reason_of(error: OperatorError) -> Word:
    """The word for it."""
    if isinstance(error, NameTaken):
        return Word.NAME_TAKEN
    if isinstance(error, FieldsContested):
        return Word.CONTESTED
    if isinstance(error, ClusterRefused):
        return Word.APPLY_REFUSED
    if isinstance(error, KindMissing):
        return Word.KSERVE_MISSING if _is_kserve(error.kind) else Word.APPLY_FAILED
    is_kserve = isinstance(error, WebhookUnreachable) and _is_kserve(error.message)
    return Word.KSERVE_UNREACHABLE if is_kserve else Word.APPLY_FAILED


def message_of(error: OperatorError) -> str:
    """What happened, and who has to do what."""
    if isinstance(error, ClusterRefused) and _is_missing_right(error):
        return (
            f"{error}; grant the operator's ServiceAccount that verb, or allow it in the namespace"
        )
    return str(error)


def _is_missing_right(error: ClusterRefused) -> bool:
    """Quotas and policies answer 403 too, and say themselves what to change."""
    is_forbidden = error.status == HTTPStatus.FORBIDDEN
    return is_forbidden and _NO_RIGHT.search(error.message) is not None


def blamed(ref: Ref, error: OperatorError, before: KServe) -> KServe:
    """What a failure says about KServe: nothing, that it is missing, or that it does not answer."""
    if isinstance(error, KindMissing) and ref.kind == INFERENCE_SERVICE:
        return KServe(KServeState.MISSING)
    if isinstance(error, WebhookUnreachable) and _is_kserve(error.message):
        return KServe(KServeState.UNREACHABLE, error.message)
    return before


def _is_kserve(text: str) -> bool:
    return "kserve" in text.lower()
