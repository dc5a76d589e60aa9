"""Programs that run on the rack's machines, in shell or Python: read as text, never imported.

    prologue.sh      what a root shell is told first: how commands are run, and where each answer ends
    operator.sh      whether the operator of a run has gone
    wait.sh          waits for a command that outlives its line, and passes on what it says
    trial.sh         a change that is rolled back automatically unless it is confirmed

    account_gone.sh  an operator's account goes
    apt.sh           what a change of packages begins with
    removals.sh      what apt would remove to install packages, and what of it is at work
    updates.sh       which updates there are for a machine
    update.sh        they are installed
    former_packages.sh what is about to be updated, kept for a way back
    still_serves.sh  whether a machine does its work after an update
    packages_back.sh what was kept is installed again
    reboot_needed.sh why a machine has to be started again
    modules_built.sh which kernel it would boot, and whether it has its modules
    unit.sh          whether a unit came up, and what it said last
    node_images.sh   images of what every node runs, fetched before it joins
    watched_kubelet.sh  kubeadm, as long as kubelet does not end again and again
    reset.sh         a machine leaves its cluster
    renew.sh         kubeadm's certificates made again
    own_address.sh   the API's own address leaves a control plane, and may return
    kubelet_certificate.sh  a kubelet's certificate made again
    static_pod.sh    a static pod recreated, or its previous manifest back
    etcd_snapshot.sh a copy of all that the cluster stores
    backup_pack.sh   the same with authorities and keys, as an archive
    backup_keep.sh   a backup gets its name
    backups.sh       which backups there are
    backup_unpack.sh a backup's archive, unpacked
    etcdutl.sh       etcdutl, out of etcd's image
    restore_data.sh  data of etcd, made of a backup's snapshot
    backup_check.sh  whether a backup can be restored
    restore_etcd.sh  keys and data of a backup, put back
    apply.sh         a folder of objects, applied
    pruned_objects.sh  objects that no file describes any more
    pruned_releases.sh releases that no file describes any more
    organisation_gone.sh an organisation leaves the cluster
    uninstall.sh     a release ends, and its claims stay

    nodes.sh         what questions about all nodes begin with
    networked.sh     whether there is a pod network to ask about
    members.sh       whether nodes are Ready
    mesh.sh          whether they speak BGP with each other
    pod_traffic.sh   whether pods reach what they may; runs from_a_pod.sh
    from_a_pod.sh    what one pod reaches
    endpoint.sh      whether one control plane has the API's own address
    pod_hosts.sh     the names that pods of the machine's own network know
    metallb.sh       whether MetalLB takes pools
    metallb_secrets.sh  what its pods mount, made before they start
    storage.sh       whether the provisioners run
    evicted.sh       whether a dead node's pods and volumes have left it
    cluster.sh       how the cluster is
    machine.sh       how a machine's system is
    chick.sh         how a member of the cluster is
    gpu.sh           how its GPUs are
    control_plane.sh how a control plane is
    rooster.sh       how rooster serves the rack
    upgrade_cluster.sh what an upgrade of Kubernetes has to know of the cluster
    upgrade_member.sh  the same of one member
    disks.sh         what the disks of a machine are called, their sizes and serial numbers
    hardware.sh      what a machine is made of
    kernel_module.sh whether each installed kernel has a module that DKMS builds
    pool_disks.sh    whether disks are empty
    pool_facts.sh    what a pool is, or could be made of
    pool_create.sh   a pool on empty disks
    homes_quota.sh   every home gets its quota
    homes_usage.sh   what each home takes
    homes_links.sh   whether links can be renamed in a home
    homes_versions.sh  versions of a file in snapshots
    homes_restore.sh a file or a home out of a snapshot, beside what is there
    disk_light.sh    the light of a disk's bay
    storage_prove.sh what a file server promises, tried on it
    mount_prove.sh   the same on a client
    storage_boot.sh  what a file server needs to serve again after a reboot
    storage_boot_guard.sh  the last look before it
    mounts_answer.sh whether what a client mounts answers again
    copies_send.sh   snapshots go to another host
    file_server.sh   space, snapshots, exports and disks of a file server
    homes_move.sh    homes come from another server
    pool_replace.sh  a disk of a pool begins to be replaced by an empty one
    pool_import.sh   a pool that is there and not imported

    release.sh       what an upgrade of a release, its way back and its proof have in common
    upgrade.sh       an upgrade that is verified, or taken back
    rollback.sh      a previous revision that is brought back, and verified
    rollback_plan.sh what that would do
    restart.sh       a hub that starts again
    prove.sh         the revision that runs, verified
    look.sh          how a release is, compared with what it should be
    others.sh        who else has set fields of it
    database.sh      runs database.py
    hub.sh           how a hub is: its release, pods, nodes, pages, API
    evidence.sh      what a machine's programs have said of late
    forbids.sh       what sshd has against forwarding
    hub_client.py    a hub's API, spoken from the gateway
    pages.sh         a hub's pages from a repository, in its init container
    pods.py          what pods wait for, and whether waiting can help
    database.py      a hub's database from the gateway: copied, looked at, brought back
    inside.py        the same in a pod that mounts it

    arm.sh           an order: one machine may be booted with the installer
    disarm.sh        each minute: orders that nobody claimed in time
    boots.sh         who is armed, and how far installations have come
    foreign_dhcp.sh  who else gives addresses away
    guard.sh         the last look before anything is written to a machine's disks
    claim.sh         the claim of an order, which succeeds once
    installer.sh     the names of the disks, told to Debian's installer
    late.sh          the first things in its new system

    image.sh         an image of Debian, made on rooster
    environment.sh   the environment that machines run in RAM, made on rooster
    ram.sh           its first process
    freeze.sh        there: each disk that appears is read-only
    lease.sh         there: the address of its port
    job.sh           what a job there tells rooster, and how it ends
    door.sh          its sshd
    write.sh         an image that becomes its system
    wipe.sh          disks that are emptied, and read again
    burn_in.sh       processors, memory and disks at work for hours

    bmc.sh           what a BMC does for its machine, and whether it came true
    redfish.sh       how bmc.sh speaks Redfish
    ipmi.sh          how bmc.sh speaks IPMI
    record.sh        reads a machine's console, and writes it down
    ipmi_console.sh  how record.sh reads it by IPMI
    ssh_console.sh   how record.sh reads it by SSH
    view.sh          shows it on a terminal
"""

from __future__ import annotations

from functools import cache
from itertools import dropwhile
from pathlib import Path
from shlex import quote

HERE = Path(__file__).parent


def shell(*names: str, **variables: str) -> str:
    """The variables, quoted, and then the text of these programs, without what each says of itself at its top."""
    given = [f"{name}={quote(value)}" for name, value in variables.items()]
    return "\n".join([*given, *(map(body, names))])


@cache
def body(name: str) -> str:
    """A shell program without the comment at its top."""
    lines = text(f"{name}.sh").splitlines(keepends=True)
    return "".join(dropwhile(lambda line: line.startswith("#") or not line.strip(), lines))


@cache
def text(name: str) -> str:
    """A program as it lies here."""
    return (HERE / name).read_text()
