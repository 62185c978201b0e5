"""Serve one embedder or one reranker: thin API workers in front of one engine per device."""

__version__ = "0.1.0"
