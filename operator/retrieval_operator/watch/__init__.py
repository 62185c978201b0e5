"""Follow the cluster through kopf, keep the store true, and wake the keys that are concerned.

kopf lists and watches; nothing is decided here and nothing is written: no finalizer, no annotation,
no event of kopf's ever reaches an object.
"""

from retrieval_operator.watch.keeper import Watch
from retrieval_operator.watch.waking import Waker

__all__ = ["Waker", "Watch"]
