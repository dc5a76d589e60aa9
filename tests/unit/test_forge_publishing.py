"""What the forge publishes, from small values: apt indices, control files, registries, go.mod, libraries."""
from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from lab.forge import apt, deb, debian, oci
from lab.forge.elf import needed_by
from lab.forge.golang import requirements


def test_a_packages_index_names_file_size_and_checksum() -> None:
    entry = apt.Entry("Package: kubelet\nVersion: 1.36.3-1.1\nDescription: Node agent\n", "amd64/kubelet.deb",
                      5, "ab" * 32)
    other = apt.Entry("Package: kubectl\nDescription: Client\n", "amd64/kubectl.deb", 6, "cd" * 32)
    assert apt.packages([entry, other]) == (
        f"Package: kubelet\nVersion: 1.36.3-1.1\nFilename: amd64/kubelet.deb\nSize: 5\nSHA256: {'ab' * 32}\n"
        "Description: Node agent\n\n"
        f"Package: kubectl\nFilename: amd64/kubectl.deb\nSize: 6\nSHA256: {'cd' * 32}\nDescription: Client\n")


def test_a_release_lists_the_indices() -> None:
    text = apt.release({"Origin": "Docker", "Suite": "trixie"}, {"stable/binary-amd64/Packages": b"abc"},
                       datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert text.splitlines() == [
        "Origin: Docker", "Suite: trixie", "Architectures: amd64", "Date: Fri, 02 Jan 2026 03:04:05 UTC",
        "SHA256:",
        f" {hashlib.sha256(b'abc').hexdigest()} 3 stable/binary-amd64/Packages"]


def test_a_control_file_ends_with_its_description() -> None:
    package = deb.Package("kubelet", "1.36.3-1.1", "Node agent", {"etc/default/kubelet": "x" * 2048},
                          "https://kubernetes.io", {"Depends": "mount"}, unit="kubelet.service")
    lines = package.control().splitlines()
    assert lines[:3] == ["Package: kubelet", "Version: 1.36.3-1.1", "Architecture: amd64"]
    assert {"Depends: mount", "Installed-Size: 2"} <= set(lines)
    assert lines[-1] == "Description: Node agent"
    assert package.file_name == "kubelet_1.36.3-1.1_amd64.deb"


def test_kubelet_is_enabled_but_not_started_and_containerd_is_started_too() -> None:
    unit = {"usr/lib/systemd/system/x.service": ""}
    enabled = deb.Package("x", "1", "X", unit, "", unit="x.service").postinst()
    started = deb.Package("x", "1", "X", unit, "", unit="x.service", starts=True).postinst()
    assert "deb-systemd-helper enable x.service" in enabled and "deb-systemd-invoke" not in enabled
    assert "deb-systemd-invoke" in started
    assert deb.Package("x", "1", "X", {"usr/bin/x": ""}, "").postinst() == ""


@pytest.mark.parametrize(("reference", "address"), [
    ("docker.io/library/busybox:1.37", ("registry-1.docker.io", "library/busybox", "1.37")),
    ("registry.k8s.io/coredns/coredns:v1.14.2", ("registry.k8s.io", "coredns/coredns", "v1.14.2")),
    ("quay.io/metallb/speaker:v0.15.2", ("quay.io", "metallb/speaker", "v0.15.2")),
])
def test_where_an_image_is_pulled_from(reference: str, address: tuple[str, str, str]) -> None:
    assert oci.address(reference) == address


def tree(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/tool").write_bytes(b"run me")
    (folder / "sub/tool").chmod(0o750)
    (folder / "sub/again").symlink_to("tool")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o644)
    return folder


def files_of(folder: Path) -> oci.Files:
    return {"opt": folder, "opt/run": oci.Script(folder / "run"), "bin": oci.Link("usr/bin"),
            "tmp": oci.Folder(0o1777), "etc/motd": b"hello"}


def members(content: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: member for member in tar}


def test_a_layer_is_sorted_owned_by_root_and_without_times(tmp_path: Path) -> None:
    to = io.BytesIO()
    oci.pack(files_of(tree(tmp_path / "a")), to)
    found = members(to.getvalue())
    assert list(found) == ["bin", "etc", "etc/motd", "opt", "opt/run", "opt/sub", "opt/sub/again",
                           "opt/sub/tool", "tmp"]
    assert {(member.uid, member.gid, member.mtime) for member in found.values()} == {(0, 0, 0)}
    modes = [found[name].mode for name in ("opt/run", "opt/sub/tool", "etc/motd", "tmp")]
    assert modes == [0o755, 0o755, 0o644, 0o1777]
    assert found["bin"].linkname == "usr/bin" and found["opt/sub/again"].linkname == "tool"

    os.utime(tmp_path / "a/run", (1, 1))
    again = io.BytesIO()
    oci.pack(files_of(tmp_path / "a"), again)
    assert again.getvalue() == to.getvalue()


def test_a_registry_is_a_tree_of_files_that_agree(tmp_path: Path) -> None:
    with oci.registry(tmp_path) as images:
        layer = images.layer({"pause": b"x"}, {"pause": b"y"})
        images.push(oci.Image("registry.k8s.io/pause:3.10.2", [layer], entrypoint=["/pause"],
                              environment={"PATH": "/"}))
    assert [path.name for path in tmp_path.iterdir()] == ["www"]
    place = tmp_path / "www/registry.k8s.io/v2/pause"
    manifest = (place / "manifests/3.10.2").read_bytes()
    assert (place / "manifests" / oci.digest(manifest)).read_bytes() == manifest

    told = json.loads(manifest)
    for named in (told["config"], *told["layers"]):
        blob = (place / "blobs" / named["digest"]).read_bytes()
        assert (oci.digest(blob), len(blob)) == (named["digest"], named["size"])
    config = json.loads((place / "blobs" / told["config"]["digest"]).read_bytes())
    content = zstandard.ZstdDecompressor().decompressobj().decompress((place / "blobs" / told["layers"][0]["digest"]).read_bytes())
    assert config["rootfs"]["diff_ids"] == [oci.digest(content)]
    assert config["config"] == {"Entrypoint": ["/pause"], "Env": ["PATH=/"]}
    assert list(members(content)) == ["pause"]


def test_requirements_of_a_go_mod() -> None:
    text = """module coop/forge/x

go 1.26.0

require k8s.io/kubernetes v1.36.3 // why

require (
\tgo.etcd.io/etcd/server/v3 v3.6.8
\tgithub.com/pkg/errors v0.9.1 // indirect
)

replace (
\tk8s.io/api => k8s.io/api v0.36.3
)

tool k8s.io/kubernetes/cmd/kubeadm
"""
    assert requirements(text) == {"k8s.io/kubernetes": "v1.36.3", "go.etcd.io/etcd/server/v3": "v3.6.8",
                                  "github.com/pkg/errors": "v0.9.1"}


@pytest.mark.parametrize(("sources", "mirror"), [
    ("deb http://ftp.de.debian.org/debian bookworm main\n", "http://ftp.de.debian.org/debian"),
    ("deb [arch=amd64 signed-by=/x.gpg] https://mirror.example/debian/ stable main\n",
     "https://mirror.example/debian"),
    ("Types: deb\n# URIs: http://old/debian\nURIs: http://near.example/debian\nSuites: trixie\n",
     "http://near.example/debian"),
    ("deb https://download.example/linux/ubuntu noble stable\ndeb-src http://x/debian a b\n", None),
])
def test_the_mirror_that_apt_is_set_to_use(sources: str, mirror: str | None) -> None:
    assert debian.mirror_in(sources) == mirror


def shared_program(path: Path) -> Path:
    """The smallest ELF file with a loader and two libraries."""
    strings = b"\0libc.so.6\0libmnl.so.0\0"
    loader = b"/lib64/ld.so\0"
    header_size, segment_size, base = 64, 56, 0x400000
    at = header_size + 3 * segment_size
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in
                       ((1, 1), (1, 11), (5, base + at + len(loader)), (0, 0)))
    total = at + len(loader) + len(strings) + len(dynamic)

    def segment(kind: int, offset: int, size: int) -> bytes:
        return struct.pack("<IIQQQQQQ", kind, 4, offset, base + offset, base + offset, size, size, 8)

    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, header_size, 0, 0, header_size, segment_size, 3, 0, 0, 0)
    path.write_bytes(header + segment(1, 0, total) + segment(3, at, len(loader))
                     + segment(2, at + len(loader) + len(strings), len(dynamic)) + loader + strings + dynamic)
    return path


def test_libraries_of_a_program(tmp_path: Path) -> None:
    assert needed_by(shared_program(tmp_path / "iptables")) == ["/lib64/ld.so", "libc.so.6", "libmnl.so.0"]
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert needed_by(tmp_path / "script") == []
