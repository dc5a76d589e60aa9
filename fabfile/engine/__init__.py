"""The engine, the only part that touches machines: it looks, plans, applies, verifies, and tells of it."""
