"""The API workers: KServe's model server with HTTP and gRPC servers of our own."""


def socket_name(engine: int) -> str:
    """The file name of an engine's socket in the runtime folder."""
    return f"engine-{engine}.sock"
