"""The process that owns the device: it takes token ids from a socket and gives rows back."""

EXIT_CONFIGURATION = 78
"""Exit status of an engine that cannot serve as configured: EX_CONFIG of sysexits(3)."""

EXIT_DEVICE = 69
"""Exit status of an engine whose device failed for good: EX_UNAVAILABLE of sysexits(3)."""
