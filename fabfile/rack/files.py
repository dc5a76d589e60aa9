"""The files of a rack, by their paths in its folder, as problems and checks name them."""

from __future__ import annotations

HOSTS = "hosts.yaml"
CLUSTER, NETWORK, VERSIONS = "configs/cluster.yaml", "configs/network.yaml", "configs/versions.yaml"

# a rack may lack these
HUB, SERVICES, STORAGE = "configs/hub.yaml", "configs/services.yaml", "configs/storage.yaml"
ORGANISATIONS = "configs/organisations.yaml"
INSTALL, OPERATORS, WATCH, SECRETS = "configs/install.yaml", "configs/operators.yaml", "configs/watch.yaml", "configs/secrets.yaml"
