"""Checks across the values of a rack. A check is a function from a draft to its problems."""

from fabfile.loading.checks import (
    addresses,
    bmc,
    cache,
    cluster,
    install,
    machines,
    networks,
    node_settings,
    operator,
    organisations,
    profiles,
    secret_names,
    services,
    storage,
    upstream_keys,
    versions,
    watching,
)

ALL = (*machines.ALL, *node_settings.ALL, *addresses.ALL, *networks.ALL, *versions.ALL, *cluster.ALL,
       *upstream_keys.ALL, *operator.ALL, *services.ALL, *profiles.ALL, *storage.ALL, *install.ALL, *bmc.ALL, *cache.ALL,
       *watching.ALL, *secret_names.ALL, *organisations.ALL)
