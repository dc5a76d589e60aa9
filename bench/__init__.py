"""Benchmarks: Coop compared with other tools, and where the time of a run goes."""
