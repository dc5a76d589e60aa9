"""What runs on the rack, at which version and from where, as configs/versions.yaml says."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.services import Chart
from fabfile.rack.values import Part, SafeUrl, Sha256, Text, Url, pattern, several

Number = Annotated[str, pattern(r"[0-9]+\.[0-9]+\.[0-9]+", "a version", "three numbers, such as 1.36.4")]
Tag = Annotated[str, pattern(r"v[0-9]+\.[0-9]+\.[0-9]+", "a version tag", "with its v, such as v3.32.1")]
Minor = Annotated[str, pattern(
    r"[0-9]+\.[0-9]+", "a minor version", "two numbers in quotes, such as \"1.36\"")]


def minor(version: str) -> str:
    """The minor of a version: "v3.32.1" is of "3.32"."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare: (1, 36, 4)."""
    return tuple(int(number) for number in version.removeprefix("v").split("."))


class Kubernetes(Part):
    """kubeadm, kubelet and kubectl, from the repository of their minor."""

    version: Number = Field(examples=["1.36.4"])
    package: Text = Field(examples=["1.36.4-1.1"])
    repository: Url = Field(examples=["https://pkgs.k8s.io/core:/stable:/v1.36/deb/"])
    key: SafeUrl = Field(examples=["https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key"])

    @property
    def minor(self) -> str:
        return minor(self.version)


class Containerd(Part):
    """containerd, from Docker's repository or the like."""

    version: Number = Field(examples=["2.3.4"])
    package: Text = Field(examples=["containerd.io"])
    repository: Url = Field(examples=["https://download.docker.com/linux/debian"])
    key: SafeUrl = Field(examples=["https://download.docker.com/linux/debian/gpg"])
    suite: Text = Field(examples=["trixie"])
    component: Text = Field(examples=["stable"])


class Calicoctl(Part):
    """The program that talks to Calico's own objects."""

    url: Url
    sha256: Sha256


class Manifest(Part):
    """Kubernetes objects as their makers publish them, at a tag."""

    version: Tag = Field(examples=["v0.16.1"])
    manifest: Url
    sha256: Sha256


class Calico(Manifest):
    """Calico's manifest at a tag, and its program."""

    version: Tag = Field(examples=["v3.32.1"])
    calicoctl: Calicoctl | None = None


class Helm(Part):
    """The program that installs charts. Without `sha256`, what its makers publish beside it is the checksum."""

    version: Tag = Field(examples=["v4.3.1"])
    url: SafeUrl = Field(examples=["https://get.helm.sh/helm-v4.3.1-linux-amd64.tar.gz"])
    sha256: Sha256 | None = None


class Source(Part):
    """A flat repository of packages, and the key that signs it."""

    repository: Url
    key: SafeUrl


class ContainerToolkit(Source):
    """nvidia-container-toolkit, which gives GPUs to containers."""

    version: Number = Field(examples=["1.18.1"])


class Nvidia(Part):
    """What machines with a GPU have; which branch of the driver, each says itself."""

    driver: Source
    toolkit: ContainerToolkit


class Tested(Part):
    """A pair that no upstream lists, and that this site has tested itself: `tested_here`."""

    kubernetes: Minor
    containerd: Minor | None = None
    calico: Minor | None = None
    because: Text


class Versions(Part):
    """The bill of materials."""

    kubernetes: Kubernetes
    containerd: Containerd
    calico: Calico
    helm: Helm | None = None
    metallb: Manifest | None = None  # the addresses of services
    local_path: Manifest | None = None  # storage classes of the machines' own directories
    csi_nfs: Chart | None = None  # storage classes of shares
    nvidia: Nvidia | None = None  # machines with a GPU
    check_image: Text = "docker.io/library/busybox:1.37"  # for the pods of seconds that check the pod network
    tested_here: Annotated[tuple[Tested, ...], BeforeValidator(several)] = ()
