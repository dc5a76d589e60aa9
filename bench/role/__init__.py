"""One role, written once for each tool: twelve steps, and the same machine at their end.

    1 three packages   2 group       3 user               4 directory    5 file from a template   6 file
    7 line in a file   8 sysctl, live   9 sysctl, kept   10 symlink   11 sudoers file, 0440
    12 service, enabled and running with its settings as they are now

`edition` is written into one file, /etc/motd: another edition is one changed file.
"""
