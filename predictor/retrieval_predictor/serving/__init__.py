"""The API workers: KServe's model server with our routes in front of its own."""

SOCKET_NAME = "engine.sock"
"""The engine's socket in the runtime folder."""
