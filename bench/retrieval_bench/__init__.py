"""Load a server of embeddings or scores, check every answer, and compare servers in one run."""

__version__ = "0.1.0"
