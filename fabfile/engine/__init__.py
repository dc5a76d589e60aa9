"""The engine: the only part that touches machines. It looks, plans, applies, verifies, and tells what it does."""
