"""A whole rack on one computer, with an internet of its own: machines are system containers, networks are namespaces."""
