"""Sending from a rented machine, with Amazon EC2 as the example: the steps, in their order, and which are done.

EC2 restricts port 25 towards public addresses for every account, static address or not: a rule of the provider against
abuse, and so not OP25B, which is about dynamic addresses of consumer lines.  Sources: re:Post "ec2-port-25-throttle";
Amazon EC2 user guide, "Use reverse DNS for email applications"; AWS CLI reference.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.network import DnsRecord, Network, Status, same_name, to_ascii
from mailkit.op25b import diagnose, reverse
from mailkit.results import Record, Rows, Verdict, visible

__all__ = ["Ec2Step", "ec2_steps"]

_ALLOCATION = "eipalloc-0123456789abcdef0"  # what allocate-address returns
_INSTANCE = "i-0123456789abcdef0"
_FORM = "the form “Request to remove email sending limitations”, once for each Region"


@dataclass(frozen=True)
class Ec2Step(Record):
    """One step: ``done`` is None where it cannot be told from here, ``seen`` is why, ``how`` the command or form."""

    number: int
    what: str
    done: bool | None
    seen: str
    how: str
    verify: str


def ec2_steps(address: str, name: str, *, net: Network, targets: str | Iterable[str] | None = None) -> Rows[Ec2Step]:
    """Return what it takes for the machine at *address* to send mail as the host *name*, and what is missing.

    *net* is the network as seen from that machine; *targets* are mail domains to test port 25 with, besides the
    well-known ones.  ``how`` and ``verify`` hold commands of the AWS CLI with made-up identifiers.  Raises ValueError
    for what is no address or no host name.
    """
    try:
        ip = str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(f"address is an IP address like '203.0.113.77', not {address!r}") from None
    host = to_ascii(name)
    caption = net.caption
    net = net.remembering()
    steps = [_fixed(), _forward(ip, host, net), _port_25(targets, net), _reverse(ip, host, net)]
    return Rows(Ec2Step, steps, caption=caption)


def _fixed() -> Ec2Step:
    how = f"aws ec2 allocate-address; aws ec2 associate-address --instance-id {_INSTANCE} --allocation-id {_ALLOCATION}"
    seen = "whose address it is, and for how long, the DNS does not show"
    return Ec2Step(1, "a fixed address (Elastic IP)", None, seen, how, "aws ec2 describe-addresses")


def _forward(ip: str, host: str, net: Network) -> Ec2Step:
    rdtype = "AAAA" if ":" in ip else "A"
    answer = net.lookup(host, rdtype)
    found = [str(ipaddress.ip_address(text)) for text in answer.records]
    done = None if answer.status in (Status.SERVFAIL, Status.TIMEOUT) else ip in found
    seen = visible(", ".join(found) or answer.reason or f"the name has no {rdtype}")
    how = DnsRecord(host, rdtype, ip, 300).zone_line
    return Ec2Step(2, "the forward record", done, seen, how, f"dig +short {host} {rdtype}")


def _port_25(targets: str | Iterable[str] | None, net: Network) -> Ec2Step:
    found = diagnose(targets, net=net)
    done = {Verdict.PASS: True, Verdict.UNKNOWN: None}.get(found.verdict, False)
    verify = "op25b.diagnose(net=net), on the machine itself"
    return Ec2Step(3, "port 25 opened on request", done, found.evidence, _FORM, verify)


def _reverse(ip: str, host: str, net: Network) -> Ec2Step:
    (found,) = reverse(ip, net=net)
    own = any(same_name(name, host) for name in found.name.split(", "))
    done = None if found.verdict is Verdict.UNKNOWN else bool(own and found.confirmed and not found.generic)
    seen = f"{found.name}: {found.reason}" if found.name else found.reason
    how = f"aws ec2 modify-address-attribute --allocation-id {_ALLOCATION} --domain-name {host}"
    verify = f"aws ec2 describe-addresses-attribute --allocation-ids {_ALLOCATION} --attribute domain-name"
    return Ec2Step(4, "the reverse name, by oneself", done, seen, how, verify)
