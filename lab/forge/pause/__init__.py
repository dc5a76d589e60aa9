"""The pause container, which upstream writes in C: in Go it needs no C compiler on this computer."""
from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs
from lab.forge.golang import programs as go_programs

#: The one that kubeadm and containerd name.
VERSION = "3.10.2"

programs = go_programs("pause", Path(__file__).parent, Programs(package="."), {"pause": VERSION})
