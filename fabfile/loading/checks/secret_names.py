"""Names in secrets.yaml that are no service's."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.bmc import BMC
from fabfile.rack.files import SERVICES
from fabfile.rack.watching import WATCH

TAKEN = {BMC: "the passwords of BMCs", WATCH: "what `inv rack.watch` needs"}


def no_service_takes_them(draft: Draft) -> Iterator[Wrong]:
    for name, what in TAKEN.items():
        if name in draft.services and name not in draft.organisations:
            yield Wrong(SERVICES, ("services", name), f"secrets.yaml has {what} under this name", "take another name")


ALL = (no_service_takes_them,)
