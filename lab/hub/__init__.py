"""JupyterHub as the lab's internet publishes it: a chart of our own, and the programs in its small images."""
