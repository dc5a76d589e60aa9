"""BMCs of machines that are played or emulated: a service for each protocol, and the machine that stands behind it."""
