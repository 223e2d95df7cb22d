"""Serve a practice internet to clients outside Python: ``python -m mailkit.lab [--world FOLDER] [--json]``.

It runs until it is interrupted.  At a terminal it takes commands, such as ``inbox taro@kaisha.example`` to look into
a mailbox, and ends with its input (Ctrl-D); with ``--json`` it ends when its standard input does.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import threading

from mailkit.lab.commands import HELP, answer
from mailkit.lab.core import Lab

_GUIDE = """The practice internet is running; Ctrl-C ends it.

  DNS   dig -p {dns_port} @127.0.0.1 {domain} MX
  SMTP  curl --socks5-hostname office:x@127.0.0.1:{socks_port} smtp://mx.{domain}
        (the SOCKS user is the vantage point: {places})
  TLS   openssl s_client -starttls smtp -connect 127.0.0.1:{listener} -CAfile {ca_file}

Clients that speak no SOCKS connect to these ports on 127.0.0.1:
"""


def _facts(lab: Lab) -> dict[str, object]:
    return {
        "dns_port": lab.dns_port,
        "socks_port": lab.socks_port,
        "ca_file": lab.ca_file,
        "trust_anchor": lab.trust_anchor,
        "domain": lab.world.domain,
        "vantages": list(lab.world.vantage_points),
        "listeners": lab.listeners,
    }


def _watch_input(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _take_commands(lab: Lab, ended: threading.Event) -> None:
    """Answer what is typed; the end of what is no terminal (a service has none) is no wish to stop."""
    for line in sys.stdin:
        if text := answer(lab, line):
            print(text, flush=True)
    if sys.stdin.isatty():
        ended.set()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m mailkit.lab", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--world", help="the folder of another world (default: the practice internet)")
    parser.add_argument("--json", action="store_true", help="print ports and files as one line of JSON")
    options = parser.parse_args()
    try:
        lab = Lab(options.world).start()
    except ValueError as error:
        parser.error(str(error))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console may lack what a mail is written in
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with lab:
        facts = _facts(lab)
        if options.json:
            print(json.dumps(facts), flush=True)
            reader = threading.Thread(target=_watch_input, args=(ended,), daemon=True)
        else:
            places, first = ", ".join(lab.world.vantage_points), next(iter(lab.listeners.values()))
            print(_GUIDE.format(places=places, listener=first, **facts))
            print("\n".join(f"  {name:32} {port}" for name, port in lab.listeners.items()))
            print(f"\n{HELP}", flush=True)
            reader = threading.Thread(target=_take_commands, args=(lab, ended), daemon=True)
        reader.start()
        ended.wait()


if __name__ == "__main__":
    main()
