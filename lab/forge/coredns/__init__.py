"""CoreDNS, of upstream's own packages, with the plugins that kubeadm's Corefile names."""
from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs

HERE = Path(__file__).parent
VERSION = required(HERE)["github.com/coredns/coredns"]

programs = go_programs("coredns", HERE, Programs(package="."), {"coredns": VERSION})
