"""Facts about machines and the cluster: a query in shell text, and its answer as values."""
