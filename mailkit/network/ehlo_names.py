"""The name that a probe introduces itself with: RFC 5321 section 4.1.4 wants the client's own name, or its address.

Spam filters refuse made-up names and ``[127.0.0.1]``, which is nobody's address to them.
"""

from __future__ import annotations

import ipaddress
import re
import socket

__all__ = ["check_ehlo_name", "own_ehlo_name"]

_HOST = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]")
_LOCAL_ONLY = (".arpa", ".local", ".localdomain", ".internal", ".lan")
# Connecting a UDP socket sends nothing: it only asks the system which of its addresses it would use to get there.
_ELSEWHERE = ((socket.AF_INET, "203.0.113.254"), (socket.AF_INET6, "2001:db8::1"))


def check_ehlo_name(name: str) -> str:
    """Return *name* if EHLO may say it: a full host name, or an address in brackets such as ``[192.0.2.7]``.

    Raises ValueError with a sentence for anything else.
    """
    if isinstance(name, str) and (_HOST.fullmatch(name) or _is_literal(name)):
        return name
    raise ValueError(f"ehlo_name is a full host name, or an address in brackets ([192.0.2.7]), not {name!r}")


def _is_literal(name: str) -> bool:
    """Return whether *name* is an address literal of RFC 5321 section 4.1.3."""
    found = _LITERAL.fullmatch(name)
    try:
        address = ipaddress.ip_address(found[1]) if found else None
    except ValueError:
        return False
    return address is not None and name == _literal(str(address), address.version)


def _literal(address: str, version: int) -> str:
    return f"[IPv6:{address}]" if version == 6 else f"[{address}]"


def own_ehlo_name() -> str:
    """Return what this machine says when nothing else was given.

    Its full host name where it has one that others may resolve; else, as mail clients do, the address that it would
    send from; ``[127.0.0.1]`` only where there is no network at all.
    """
    name = socket.gethostname()  # getfqdn() would ask the DNS, and wait for it
    if _HOST.fullmatch(name) and not name.lower().endswith(_LOCAL_ONLY):
        return name
    return next((_literal(a, 6 if ":" in a else 4) for a in map(_address_towards, _ELSEWHERE) if a), "[127.0.0.1]")


def _address_towards(target: tuple[socket.AddressFamily, str]) -> str:
    """Return the address of the interface that leads to *target*; empty where no way leads there."""
    family, address = target
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
