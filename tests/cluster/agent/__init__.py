"""A node agent and its tests: a package, so that what they share ends with them."""
