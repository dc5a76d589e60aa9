"""Coop's tasks: what `inv` and `fab` list. A module in fabfile/tasks is one collection."""

from importlib import import_module

from invoke import Collection

COLLECTIONS = ("cluster", "gateway", "hub", "lab", "node", "rack", "run", "service")

namespace = Collection(*(import_module(f"fabfile.tasks.{name}") for name in COLLECTIONS))
