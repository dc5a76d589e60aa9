"""The words of zpool, zfs, exports and nfs.conf that a rack's files may use, and those that are refused, with why."""

from __future__ import annotations

# zpoolprops(7) of OpenZFS 2.3: what can be set when a pool is created
POOL_PROPERTIES = frozenset("""ashift autoexpand autotrim comment compatibility dedup_table_quota delegation failmode listsnapshots
    multihost""".split())
POOL_REFUSED = {
    "altroot": "it would be mounted elsewhere, and not at boot",
    "autoreplace": "a disk is replaced by an operator, who has seen which",
    "bootfs": "the system does not lie on a pool",
    "cachefile": "without it the pool is not imported at boot",
    "version": "a pool of an old version has no features",
}
# zfsprops(7) of OpenZFS 2.3: what can be set of a file system
DATASET_PROPERTIES = frozenset("""aclinherit aclmode acltype atime casesensitivity checksum compression copies dedup devices direct
    dnodesize exec filesystem_limit logbias longname nbmand normalization overlay prefetch primarycache quota readonly recordsize
    redundant_metadata refquota refreservation relatime reservation secondarycache setuid snapdir snapshot_limit
    special_small_blocks sync utf8only vscan xattr""".split())
DATASET_REFUSED = {
    "canmount": "it is mounted at boot, or what lies below would be served",
    "encryption": "a reboot would wait for its key",
    "keyformat": "a reboot would wait for its key",
    "keylocation": "a reboot would wait for its key",
    "mountpoint": "a dataset is mounted at /POOL/DATASET",
    "sharenfs": "`exports` is the one place that says who may mount it",
    "sharesmb": "Coop serves no SMB",
}

# exports(5): what is written as it stands
EXPORT_OPTIONS = frozenset(("ro", "rw", "wdelay", "no_wdelay", "no_acl", "secure", "sync", "all_squash", "no_subtree_check"))
EXPORT_VALUES = frozenset(("anonuid", "anongid"))  # these with a number
EXPORT_REFUSED = {
    "async": "the server would say that a write is on disk before it is: a power cut loses it",
    "no_root_squash": "root of any pod's machine would own every home; all_squash makes every file anonuid's",
    "root_squash": "only root would be squashed; all_squash makes every file anonuid's",
    "no_all_squash": "all_squash makes every file anonuid's",
    "insecure": "any user of a node could speak NFS",
    "crossmnt": "every dataset below would be served with it: export each by itself",
    "nohide": "every dataset below would be served with it: export each by itself",
    "subtree_check": "a file that is renamed while it is open would be lost to its user",
    "fsid": "Coop sets one that stays the same",
    "mp": "Coop sets it: what is no mount is not served",
    "mountpoint": "Coop sets it: what is no mount is not served",
    "refer": "what nodes mount is the machine's own",
    "replicas": "what nodes mount is the machine's own",
}

NFS_SECTIONS = frozenset("""exportd exportfs general gssd lockd mountd nfsd nfsdcld nfsrahead sm-notify statd svcgssd""".split())
NFS_VERSIONS = {"vers2": "n", "vers3": "n", "vers4": "y", "vers4.0": "n", "vers4.1": "n", "vers4.2": "y"}  # of [nfsd]: 4.2 alone
FEWEST_THREADS = 8
ZED_SECRETS = ("TOKEN", "WEBHOOK", "KEY", "PASSWORD")  # in names of zed.rc
MAIL_KEYS = frozenset("domain from host logfile port set_from_header syslog timeout tls tls_starttls tls_trust_file".split())
MAIL_SECRETS = frozenset("auth password passwordeval user".split())
