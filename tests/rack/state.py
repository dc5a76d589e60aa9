"""What a machine is, for comparing: files, packages, units, sysctls; without what differs between any two machines."""

# certificates, keys and tokens are recreated each time; logs, caches and leases live; fstab and shadow are read below
_LEFT_OUT = r"""
/etc/kubernetes/pki/* /etc/kubernetes/*.conf /etc/ssh/ssh_host_* /etc/machine-id /etc/.updated /etc/cni/net.d/calico-kubeconfig
/etc/mtab /etc/ld.so.cache /etc/fstab /etc/shadow /etc/shadow- /var/lib/coop/former/etc/fstab /home/*/.kube/config /root/.kube*
""".split()

FILES = "find /etc /root /home /var/lib/coop/former -xdev -type f " + " ".join(f"! -path '{each}'" for each in _LEFT_OUT) + \
    " -print0 2>/dev/null | sort -z | xargs -0 sha256sum"
MODES = "find /etc /root /home -xdev " + " ".join(f"! -path '{each}'" for each in _LEFT_OUT) + \
    " -printf '%M %u %g %p\\n' 2>/dev/null | sort"
FSTAB = "sed 's/UUID=[0-9A-Fa-f-]*/UUID/' /etc/fstab"  # an installer gives every disk an id of its own
SHADOW = "cut -d : -f 1,2,4- /etc/shadow /etc/shadow-"  # but for the day of the last change
PACKAGES = "dpkg-query -W -f '${Package} ${Version} ${Status}\\n'"
UNITS = "systemctl list-unit-files --no-legend --no-pager | awk '$2 != \"transient\" {print $1, $2}' | sort"
RUNNING = "systemctl list-units --no-legend --plain --no-pager --type=service --state=running | awk '{print $1}' " \
    "| grep -vE '^(user@|getty|serial)' | sort"
SYSCTLS = "sysctl net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables 2>&1"
LINKS = "find /etc /root /home /usr/local -xdev -type l -printf '%p -> %l\\n' 2>/dev/null | sort"
LEFTOVERS = ("find / -xdev \\( -name '.coop-new.*' -o -path '/run/coop/units/coop-*'"
             " -o -path '/var/lib/coop/unverified/*' \\) 2>/dev/null")


ALL = (FILES, MODES, LINKS, FSTAB, SHADOW, PACKAGES, UNITS, RUNNING, SYSCTLS, LEFTOVERS)
_NEXT = "--- the next part"


def state(inside, machine: str, *parts: str) -> dict[str, list[str]]:
    """The machine's state, by part, each a list of lines."""
    parts = parts or ALL
    said = inside(machine, f"\necho '{_NEXT}'\n".join(f"( {part}\n)" for part in parts), check=False)
    return dict(zip(parts, (each.splitlines() for each in said.split(f"{_NEXT}\n")), strict=True))


def difference(one: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """The lines that only one of two states has."""
    found = []
    for part, lines in one.items():
        found += [f"- {line}" for line in lines if line not in set(other[part])]
        found += [f"+ {line}" for line in other[part] if line not in set(lines)]
    return found
