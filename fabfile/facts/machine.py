"""What a chick says of itself, also when the API server is away: one question to the machine, parsed."""

from __future__ import annotations

from dataclasses import dataclass

from fabfile.rack.upstream import CRI_SOCKET

QUESTION = f"""
say() {{ printf '%s\\t%s\\n' "$1" "$2"; }}
say name "$(hostname)"
say up "$(systemctl show --timestamp=utc -P UserspaceTimestamp)"
say system "$(. /etc/os-release; echo "$PRETTY_NAME"), kernel $(uname -r)"
for unit in kubelet containerd chrony; do say $unit "$(systemctl is-active $unit)"; done
say failed "$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\\n' ' ')"
say swap "$(tail -n +2 /proc/swaps | cut -d ' ' -f 1 | tr '\\n' ' ')"
say disk "$(df -P /var/lib | awk 'NR == 2 {{print $5}}' | tr -d %)"
say memory "$(awk '/^MemTotal/ {{total = $2}} /^MemAvailable/ {{free = $2}}
    END {{print 100 - int(100 * free / total)}}' /proc/meminfo)"
say held "$(apt-mark showhold | tr '\\n' ' ')"
programs='kubelet kubeadm kubectl containerd.io'
say versions "$(dpkg-query -W -f '${{Package}} ${{Version}}, ' $programs 2>/dev/null)"
say clock "$(chronyc -n tracking 2>/dev/null | sed -n 's/^Leap status *: //p')"
for file in /var/lib/kubelet/pki/kubelet-client-current.pem /etc/kubernetes/pki/apiserver.crt; do
    [ ! -e $file ] || say "$file" "$(date -d "$(openssl x509 -noout -enddate -in $file | cut -d = -f 2)" +%s)"
done
say now "$(date +%s)"
say member "$([ -e /etc/kubernetes/kubelet.conf ] && echo yes)"
say pods "$(crictl --runtime-endpoint {CRI_SOCKET} pods -q --state Ready 2>/dev/null | wc -l)"
"""


@dataclass(frozen=True)
class StatusRow:
    """One thing that was looked at, and whether it is as it should be."""

    what: str
    value: str
    good: bool = True


def parse(answer: str, held: frozenset[str]) -> list[StatusRow]:
    """What to show of an answer to QUESTION. `held`: the packages that should be on hold."""
    found = dict(line.split("\t", 1) for line in answer.splitlines() if "\t" in line)
    member = found.get("member") == "yes"
    loose = held - set(found["held"].split())
    lines = [
        StatusRow("up since", found["up"]),
        StatusRow("system", found["system"]),
        StatusRow("member", "yes" if member else "no"),
        StatusRow("kubelet", found["kubelet"], found["kubelet"] == "active" or not member),
        StatusRow("containerd", found["containerd"], found["containerd"] == "active"),
        StatusRow("pods", f"{found['pods']} running"),
        StatusRow("clock", found["clock"] or "not known", found["clock"] == "Normal"),
        StatusRow("swap", found["swap"].strip() or "off", not found["swap"].strip()),
        StatusRow("disk", f"/var/lib is {found['disk']} % full", int(found["disk"] or 0) < 85),
        StatusRow("memory", f"{found['memory']} % in use", int(found["memory"] or 0) < 95),
        StatusRow("versions", found["versions"].strip(", ") or "nothing installed"),
        StatusRow("on hold", f"not {', '.join(sorted(loose))}" if loose else "all that should be", not loose),
        StatusRow("failed units", found["failed"].strip() or "none", not found["failed"].strip()),
    ]
    for path, end in found.items():
        if path.startswith("/") and end.isdigit():
            days = (int(end) - int(found["now"])) // 86400
            lines.append(StatusRow("certificate", f"{path.rpartition('/')[2]} ends in {days} days", days > 30))
    return lines
