"""A machine that was started anew."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from .base import GIVEN_BACK, Borrowed, Change, Command, Resource

# When systemd began: unlike the kernel's boot id, this is a container's own too.
STARTED = "systemctl show --timestamp=us+utc -P UserspaceTimestamp"
_MARK = "coop-reboot"  # an annotation of the node


@dataclass(frozen=True)
class Rebooted(Resource):
    """A machine that has been started since `before` (what STARTED printed).

    It may take a quarter of an hour: pods are given time to end, and a server's firmware takes minutes. While it
    is away, `control_plane` keeps the scheduler from giving `node` new pods; one that was cordoned
    stays so.
    """

    before: str
    node: str
    control_plane: str

    @property
    def name(self) -> str:
        return f"reboot of {self.node}"

    def probe(self) -> str:
        return STARTED

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if facts.strip() == self.before.strip():
            yield Change(f"{self.node} runs since {facts.strip()}, should be started anew",
                         (Command("systemctl reboot", limit=900.0),), borrows=(self._leave(),), reboots=True)

    def _leave(self) -> Borrowed:
        # A mark on the node says whose cordon it is: a run that was killed has not taken its own back.
        kubectl, node = "kubectl --kubeconfig /etc/kubernetes/admin.conf", quote(self.node)
        annotate = f"{kubectl} annotate"
        return Borrowed(
            "leave", self.control_plane,
            f"found=$({kubectl} get node {node} "
            f"-o 'jsonpath={{.spec.unschedulable}}{{.metadata.annotations.{_MARK}}}')\n"
            f"case $found in ''|yes|trueyes) {annotate} --overwrite node {node} {_MARK}=yes >/dev/null\n"
            f"{kubectl} cordon {node} >/dev/null; echo ours ;; *) echo theirs ;; esac",
            f"leave of {self.node}: no new pods while it is away",
            # the API server may have been on the machine itself, and takes longer to come back than sshd
            f"[ \"$leave\" != ours ] || {{ until=$(($(cut -d . -f 1 /proc/uptime) + {GIVEN_BACK - 30:.0f}))\n"
            f"until said=$({kubectl} --request-timeout=10s uncordon {node} 2>&1); do\n"
            '[ "$(cut -d . -f 1 /proc/uptime)" -lt $until ] || { echo "$said"; exit 1; }; sleep 2; done\n'
            f"{annotate} node {node} {_MARK}-; }}")
