"""Keys whose values are secrets, which no file but configs/secrets.yaml may hold."""

import re

# of charts: a chart also has mappings called `secret`, which say where one is kept
OF_CHARTS = re.compile(r"(client_?secret|secretToken|cookie_?[sS]ecret|password|api_?[tT]oken|auth_token|access_key|keys)",
                       re.IGNORECASE)
# of kubeadm, Calico and containerd
OF_THE_CLUSTER = re.compile(
    r"certificateKey|(bootstrap)?tokens?|tlsBootstrapToken|password|secret|auth|identitytoken", re.IGNORECASE)
