"""A whole rack on one computer, with a simulated internet: containers as machines."""
