"""The index process: it maps an index, gathers queries, searches, and swaps versions."""

EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits(3): the supervisor does not start it again."""
