"""Where kubeadm and containerd keep things on every machine of a cluster."""

PKI = "/etc/kubernetes/pki"  # certificates, unless ClusterConfiguration.certificatesDir has another folder
ETCD = "/var/lib/etcd"  # etcd's data, unless ClusterConfiguration.etcd.local.dataDir has another folder
ADMIN_CONF = "/etc/kubernetes/admin.conf"  # the kubeconfig of a control plane's own administrator
CRI_SOCKET = "unix:///run/containerd/containerd.sock"
OPERATORS = "/etc/coop/operators"  # on rooster, for root alone


def operators_kubeconfig(user: str) -> str:
    """Where an operator's kubeconfig lies on rooster."""
    return f"{OPERATORS}/{user}.kubeconfig"
