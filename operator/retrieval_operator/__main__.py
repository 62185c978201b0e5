"""`retrieval-operator`: serve RetrievalServices of the cluster that the login leads to.

Exit status: 0 asked to stop, 78 the settings or the login cannot work, 1 anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from retrieval_operator import __version__
from retrieval_operator.errors import AuthorError, NotLoggedIn
from retrieval_operator.logs import configure_logging
from retrieval_operator.settings import LogFormat, Settings, load, table

_BAD_CONFIGURATION = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM; returns the exit status."""
    _parser().parse_args(arguments)
    from retrieval_operator.runtime.login import configuration  # noqa: PLC0415 - a second of imports

    try:
        settings = load(os.environ)
        login = configuration()
    except (AuthorError, NotLoggedIn) as error:
        sys.stderr.write(f"{error}\n")
        return _BAD_CONFIGURATION
    configure_logging(as_json=settings.log_format is LogFormat.JSON)
    asyncio.run(_serve(settings, login))
    return 0


def _parser() -> argparse.ArgumentParser:
    """It takes no arguments: everything is a variable, as the chart sets them."""
    lines = (f"  {name}  {text}{f' [{value}]' if value else ''}" for name, value, text in table())
    parser = argparse.ArgumentParser(
        prog="retrieval-operator",
        description="Serve RetrievalServices of the cluster that KUBECONFIG or the pod leads to.",
        epilog="environment variables [default]:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


async def _serve(settings: Settings, login: Any) -> None:
    from retrieval_operator.process import Operator, stop_on_signals  # noqa: PLC0415

    stop = asyncio.Event()
    stop_on_signals(stop)
    await Operator(settings, login).run(stop)


if __name__ == "__main__":
    sys.exit(main())
