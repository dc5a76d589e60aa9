"""door.py ADDRESS PORT: a TCP connection as stdin and stdout, as `nc` would be; used as a ProxyCommand."""

import os
import select
import socket
import sys

try:
    far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    sys.exit(f"door: {error.strerror}")
while True:
    for ready in select.select([far, 0], [], [])[0]:
        data = os.read(0, 1 << 16) if ready == 0 else far.recv(1 << 16)
        if not data:
            sys.exit()
        if ready == 0:
            far.sendall(data)
        while data and ready is far:  # a pipe under ssh, a socket under Coop
            data = data[os.write(1, data):]
