"""GPUs: the driver is one version in the kernel and in its programs, and shows what hosts.yaml says."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fabfile.facts.look import Look
from fabfile.facts.machine import MachineState
from fabfile.finding import Finding, Severity
from fabfile.rack.gpu import Gpu
from fabfile.rules.rule import Found, apply, on, rule


def _asked(look: Look) -> Iterator[tuple[str, Gpu, MachineState]]:
    """Machines with GPUs that were asked about them."""
    for name, state in look.members.items():
        gpu = look.rack.machines[name].gpu
        if gpu and "gpu-package" in state.said:
            yield name, gpu, state


@rule(here=("gpu_module_missing", "gpu_driver_differs", "gpu_missing"))
def gpu_driver_missing(look: Look) -> Found:
    """NVIDIA's driver is not installed, or is of another branch than hosts.yaml says."""
    for name, gpu, state in _asked(look):
        if not fnmatchcase(found := state.text("gpu-package"), gpu.versions):
            yield Finding(f"{name} has no driver of branch {gpu.driver}", name, Severity.DEGRADED, found and f"it has {found}",
                          fix=f"{apply(name)} --yes")


@rule(here=("gpu_missing",))
def gpu_module_missing(look: Look) -> Found:
    """The kernel that runs has no module of NVIDIA's driver, or has not loaded it."""
    for name, _, state in _asked(look):
        if state.text("gpu-loaded"):
            continue
        if not state.text("gpu-built"):
            yield Finding(f"the kernel of {name} has no module nvidia", name, Severity.DEGRADED, fix=apply(name))
        elif state.yes("gpu-nouveau"):
            yield Finding(f"the module nouveau has the GPUs of {name}", name, Severity.DEGRADED, fix=f"inv node.reboot {name}")
        else:
            yield Finding(f"the module nvidia is not loaded on {name}", name, Severity.DEGRADED, fix=apply(name))


@rule(here=("gpu_missing",))
def gpu_driver_differs(look: Look) -> Found:
    """The module in the kernel is of another version than the driver's programs: none of them works until a reboot."""
    for name, _, state in _asked(look):
        loaded, package = state.text("gpu-loaded"), state.text("gpu-package").rpartition("-")[0]
        if loaded and package and loaded != package:
            yield Finding(f"the kernel of {name} has driver {loaded}, its programs have {package}", name, Severity.DEGRADED,
                          state.text("gpu-error"), fix=f"inv node.reboot {name}")


@rule()
def gpu_missing(look: Look) -> Found:
    """nvidia-smi does not answer, or shows fewer GPUs, or others, than hosts.yaml says."""
    for name, gpu, state in _asked(look):
        seen = state.lines("gpu")
        right = [one for one in seen if gpu.model in (None, one)]
        if not state.yes("gpu-answers"):
            yield Finding(f"nvidia-smi does not answer on {name}", name, Severity.DEGRADED, state.text("gpu-error"), fix=_look_closer(name))
        elif len(right) < gpu.count:
            yield Finding(f"{name} has {len(right)} of {gpu.count} GPUs", name, Severity.DEGRADED,
                          f"nvidia-smi shows {', '.join(seen) or 'none'}; hosts.yaml says {gpu.count} of {gpu.model or 'any model'}",
                          fix=_look_closer(name))


def _look_closer(name: str) -> str:
    return f"{on(name, 'journalctl -k -g NVRM')}; then inv node.reboot {name}"
