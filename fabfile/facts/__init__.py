"""What machines and the cluster say of themselves: a question in shell text, its answer as values."""
