"""Kubernetes in the version that the lab's rack begins with."""
from __future__ import annotations

from pathlib import Path

from lab.forge.coredns import programs as coredns
from lab.forge.kubernetes.release import compiled

whole = compiled(Path(__file__).parent, coredns)
VERSION, programs, packages, images = whole.versions.kubernetes, whole.programs, whole.packages, whole.images
