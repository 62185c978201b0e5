"""One pass over one service: read, plan, render, apply, prune, observe, write the status.

Every pass is the same whatever woke it, and ends with an outcome for the queue whatever happens.
"""

from retrieval_operator.reconcile.applying import Applier, Cluster
from retrieval_operator.reconcile.lasting import Lasting
from retrieval_operator.reconcile.looking import Looking
from retrieval_operator.reconcile.measuring import Measuring
from retrieval_operator.reconcile.planning import Planning
from retrieval_operator.reconcile.reconciler import Reconciler, Recorder, Seams

__all__ = [
    "Applier",
    "Cluster",
    "Lasting",
    "Looking",
    "Measuring",
    "Planning",
    "Reconciler",
    "Recorder",
    "Seams",
]
