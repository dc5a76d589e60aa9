"""The site: where everything that the forge has made lies."""
