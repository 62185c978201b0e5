"""`retrieval-operator`: serve RetrievalServices of the cluster that the login leads to.

Exit status: 0 asked to stop, 78 the settings or the login cannot work, 1 anything else.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from retrieval_operator.errors import AuthorError, NotLoggedIn
from retrieval_operator.logs import configure_logging
from retrieval_operator.settings import LogFormat, Settings, load

_BAD_CONFIGURATION = 78


def main() -> int:
    """Run until SIGTERM; returns the exit status."""
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


async def _serve(settings: Settings, login: Any) -> None:
    from retrieval_operator.process import Operator, stop_on_signals  # noqa: PLC0415

    stop = asyncio.Event()
    stop_on_signals(stop)
    await Operator(settings, login).run(stop)


if __name__ == "__main__":
    sys.exit(main())
