"""An index is built: passages into shards with their vectors, shards into a version."""
