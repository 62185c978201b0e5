"""What the pods of a component really do, read from Deployment and Pods. Pure.

The InferenceService's own Ready is not asked: with maxSurge 0 and one replica KServe 0.20 says
Ready with no pod ready, also while it crashes.
"""

from retrieval_operator.observe.component import observe
from retrieval_operator.observe.starting import hindrance, longest_starting
from retrieval_operator.observe.state import Answering, ComponentState, Stage, Trouble, TroubleKind

__all__ = [
    "Answering",
    "ComponentState",
    "Stage",
    "Trouble",
    "TroubleKind",
    "hindrance",
    "longest_starting",
    "observe",
]
