"""Bodies to queries and results to bodies, one module a shape."""
