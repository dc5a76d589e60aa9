"""Coop's tasks: what `inv` and `fab` list. A module in fabfile/tasks is one collection; the doctor is about the whole rack,
and in none."""

from importlib import import_module

from invoke import Collection

from fabfile.folder import PROJECT

COLLECTIONS = ("cluster", "gateway", "homes", "hub", "image", "lab", "node", "operator", "organisation", "rack", "run", "service",
               "storage")

namespace = Collection(*(import_module(f"fabfile.tasks.{name}") for name in COLLECTIONS
                         if name != "lab" or (PROJECT / "lab").is_dir()))  # the lab comes with a clone alone
namespace.add_task(import_module("fabfile.tasks.doctor").doctor)
namespace.collections["rack"].add_task(import_module("fabfile.tasks.scanning").scan)  # it uses tasks that use fabfile.tasks.rack
for _module, _name in (("rack_power", "power_off"), ("rack_power", "power_on"), ("backups", "backup"), ("backups", "restore"),
                       ("watching", "watch"), ("picturing", "picture")):  # the same
    namespace.collections["rack"].add_task(getattr(import_module(f"fabfile.tasks.{_module}"), _name))
for _module, _name in (("storage_proving", "prove"), ("storage_rebooting", "reboot"), ("storage_locating", "locate"),
                       ("storage_replacing", "replace")):  # the same
    namespace.collections["storage"].add_task(getattr(import_module(f"fabfile.tasks.{_module}"), _name))
