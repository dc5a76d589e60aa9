"""What machines and the cluster say of themselves: a question in shell text, and its answer as values. Pure."""
