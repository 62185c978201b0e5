"""Search: a query in, ranked passages out, over an index that every process of a pod shares."""
