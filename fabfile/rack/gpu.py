"""The NVIDIA GPUs of a machine, and what marks its node in the cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fabfile.rack.node_labels import Taint
from fabfile.rack.values import Part, Text, pattern, refuse

PRESENT = "nvidia.com/gpu.present"  # the label by which NVIDIA's charts find nodes with a GPU
DRIVER = "nvidia-driver-cuda"  # its package, without what a screen needs
RUNTIME = "nvidia"  # containerd's runtime, and the RuntimeClass that names it
TAINT = Taint(key="nvidia.com/gpu", value="present", effect="NoSchedule")  # NVIDIA's charts tolerate this key


def _count(value: object) -> object:
    if type(value) is not int or value < 1:
        raise refuse(f"{value!r} is not a number of GPUs", "1 or more")
    return value


class Gpu(Part):
    """Which driver the machine has, and which GPUs nvidia-smi has to show."""

    driver: Annotated[str, pattern(r"[1-9][0-9]{2}", "a branch of NVIDIA's driver", 'its first number, in quotes: "580"')] = Field(
        examples=['"580"'])
    module: Literal["open", "proprietary"] = "open"  # open: from Turing on; proprietary: for older GPUs, up to branch 580
    model: Text | None = None
    count: Annotated[int, BeforeValidator(_count)] = 1

    @property
    def versions(self) -> str:
        """All versions of the branch, as apt and dpkg name them."""
        return f"{self.driver}.*"
