"""The file server: pools, disks, snapshots and exports."""

from __future__ import annotations

from fabfile.facts.file_server import findings
from fabfile.facts.look import Look
from fabfile.rules.rule import Found, rule


@rule(everywhere=("share_hangs", "claim_pending"))
def file_server_wrong(look: Look) -> Found:
    """A pool, a disk, a snapshot, an export or quotas of homes are not as configs/storage.yaml says, as `inv storage.status` shows it."""
    for wanted, server in look.file_servers.values():
        yield from findings(wanted, server)
