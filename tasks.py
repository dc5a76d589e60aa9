"""What `inv` loads: the same collections that `fab` finds in fabfile/."""

from fabfile import namespace

__all__ = ["namespace"]
