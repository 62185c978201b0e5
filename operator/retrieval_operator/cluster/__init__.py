"""Talk to the API server: the only place of the operator process that sends requests.

Calls block; passes run in threads. Every failure is one of the errors of the ClusterError branch.
"""

from retrieval_operator.cluster.client import Client, connect
from retrieval_operator.cluster.discovery import served_apis
from retrieval_operator.cluster.login import configuration
from retrieval_operator.cluster.writing import Writer

__all__ = ["Client", "Writer", "configuration", "connect", "served_apis"]
