"""door.py ADDRESS PORT: a TCP connection as stdin and stdout, as `nc` would be; used as a ProxyCommand."""

import select
import socket
import sys

far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
near = socket.socket(fileno=0)  # stdin and stdout are the same socket when ssh or Coop starts it
while True:
    for ready in select.select([far, near], [], [])[0]:
        data = ready.recv(1 << 16)
        if not data:
            sys.exit()
        (far if ready is near else near).sendall(data)
