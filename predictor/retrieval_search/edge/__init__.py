"""The API workers: a query off the wire, through embedder, index and reranker, to an answer."""
