"""Talk to the API server and to our pods: where the operator process sends requests from.

Calls to the API server block; passes run in threads. Every failure of one is one of the errors of
the ClusterError branch.
"""

from retrieval_operator.cluster.client import Client, connect
from retrieval_operator.cluster.discovery import served_apis
from retrieval_operator.cluster.login import configuration
from retrieval_operator.cluster.warmup import WarmUps
from retrieval_operator.cluster.writing import Writer

__all__ = ["Client", "WarmUps", "Writer", "configuration", "connect", "served_apis"]
