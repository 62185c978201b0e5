"""The embedder and the reranker as a search sees them: two services over HTTP."""
