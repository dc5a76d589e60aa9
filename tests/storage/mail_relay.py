"""A relay for the file server's mail, on the node."""

# shell text for the node's root: what has arrived is in /root/mail
RELAY = """cat >/root/relay.py <<'PROGRAM'
import socketserver

class Relay(socketserver.StreamRequestHandler):
    def handle(self):
        def say(text): self.wfile.write(text.encode() + b"\\r\\n")
        say("220 relay")
        while line := self.rfile.readline().decode().strip().upper():
            if line.startswith("DATA"):
                say("354 go on")
                with open("/root/mail", "ab") as mail:
                    while (text := self.rfile.readline()) != b".\\r\\n":
                        mail.write(text)
            elif line.startswith("QUIT"):
                return say("221 bye")
            say("250 ok")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", 2525), Relay).serve_forever()
PROGRAM
systemctl is-active -q relay || systemd-run --quiet --unit relay python3 /root/relay.py"""
