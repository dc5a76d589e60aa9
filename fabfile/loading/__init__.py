"""A rack's folder, read and checked: a Rack, or every problem that its files have."""

from fabfile.loading.files import load, rack_folder

__all__ = ["load", "rack_folder"]
