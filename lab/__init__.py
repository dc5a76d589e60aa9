"""A whole rack on one computer, with an internet of its own: containers for machines."""
