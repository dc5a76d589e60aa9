"""The engine, the only part that touches machines: it probes, plans, applies, verifies, and reports."""
