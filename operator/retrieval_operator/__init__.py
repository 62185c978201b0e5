"""Plan a RetrievalService for the devices there are, and render what KServe runs."""

__version__ = "0.1.0"
