"""JupyterHub as the lab's internet publishes it: a chart of our own, the programs in its small images, its packing."""
