"""`python -m retrieval_operator.cli` is the `retrieval` command."""

import sys

from retrieval_operator.cli import main

if __name__ == "__main__":
    sys.exit(main())
