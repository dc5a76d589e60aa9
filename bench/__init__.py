"""Coop beside what operators would otherwise use, and where the time of a run goes."""
