"""BMCs of machines: what they are asked, by which protocol, and their answers as values. Nothing here talks to one."""
