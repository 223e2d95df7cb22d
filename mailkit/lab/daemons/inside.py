"""The program that stays in the network of a machine and does there what it is told; it is run as a file.

It reads one JSON list a line from the socket whose number is its argument, and answers each with one JSON line:

* ``["run", argv, text]`` runs a command to its end: its exit status, and what it said;
* ``["start", argv, descriptors]`` starts one that goes on and keeps these *descriptors*: its process number;
* ``["socket", "tcp" or "udp"]`` makes a socket of this network: the descriptor comes with the answer.

``{"error": text}`` is the answer where that failed.  At the end of the socket it ends, and as the machine's first
process takes all others with it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

__all__ = ["serve"]


def serve(control: socket.socket) -> None:
    """Do what comes over *control*, until it ends."""
    with control.makefile("rb") as lines:
        for line in lines:
            try:
                answer, sock = _done(*json.loads(line))
            except OSError as error:
                answer, sock = {"error": str(error)}, None
            socket.send_fds(control, [json.dumps(answer).encode() + b"\n"], [sock.fileno()] if sock else [])
            if sock:
                sock.close()


def _done(verb: str, *rest: Any) -> tuple[Any, socket.socket | None]:
    """Do one thing; return the answer, and a socket if there is one to hand over.  Raises OSError."""
    if verb == "run":
        done = subprocess.run(rest[0], input=rest[1].encode(), capture_output=True, cwd="/")
        return [done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")], None
    if verb == "start":
        started = subprocess.Popen(rest[0], stdin=subprocess.DEVNULL, cwd="/", pass_fds=rest[1])
        _started.append(started)
        _started[:] = [one for one in _started if one.poll() is None]
        return started.pid, None
    return 0, socket.socket(socket.AF_INET, socket.SOCK_STREAM if rest[0] == "tcp" else socket.SOCK_DGRAM)


_started: list[subprocess.Popen[bytes]] = []

if __name__ == "__main__":
    # No port needs a privilege in a network of one's own.
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as setting:
        setting.write("0")
    with socket.socket(fileno=int(sys.argv[1])) as own:
        own.sendall(json.dumps(os.getpid()).encode() + b"\n")
        serve(own)
