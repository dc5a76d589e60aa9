"""crictl, which speaks to a container runtime as kubelet does. Kubernetes' package repository has it."""
from __future__ import annotations

from pathlib import Path

from lab.forge.golang import Programs, required
from lab.forge.golang import programs as go_programs

HERE = Path(__file__).parent
VERSION = required(HERE)["sigs.k8s.io/cri-tools"]

programs = go_programs("cri-tools", HERE,
                       Programs(stamp=(("sigs.k8s.io/cri-tools/pkg/version.Version", VERSION),)),
                       {"cri-tools": VERSION})
