"""What the operator has seen of the cluster: kinds, keys, and one store that is always read.

The watch fills the store, a pass reads it; neither asks the API server for what is already known.
"""

from retrieval_operator.world.kinds import (
    CHILDREN,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    INFERENCE_SERVICE,
    LEASE,
    NODE,
    OPTIONAL,
    POD,
    REVISION,
    SERVICE,
    Document,
    Key,
    Kind,
    Ref,
    kind_of,
    owner_of,
    ref_of,
)
from retrieval_operator.world.store import Store

__all__ = [
    "CHILDREN",
    "CONFIG_MAP",
    "DEPLOYMENT",
    "EVENT",
    "INFERENCE_SERVICE",
    "LEASE",
    "NODE",
    "OPTIONAL",
    "POD",
    "REVISION",
    "SERVICE",
    "Document",
    "Key",
    "Kind",
    "Ref",
    "Store",
    "kind_of",
    "owner_of",
    "ref_of",
]
