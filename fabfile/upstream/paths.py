"""Where kubeadm and containerd keep things on every machine of a cluster."""

ADMIN_CONF = "/etc/kubernetes/admin.conf"  # the kubeconfig of a control plane's own administrator
CRI_SOCKET = "unix:///run/containerd/containerd.sock"
