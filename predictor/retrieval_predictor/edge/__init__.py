"""The API workers: KServe's model server with our routes in the place of its own."""


def socket_name(engine: int) -> str:
    """The file name of an engine's socket in the runtime folder."""
    return f"engine-{engine}.sock"
