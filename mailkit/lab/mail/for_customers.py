"""What a sending service does for its customers: their name in the return path and in d=, once they have said yes.

A host of ``world.toml`` with a ``return_path`` is such a service.  Whatever its customer's program put into MAIL FROM,
bounces come back to the service: to ``return_path`` itself or, where the customer published ``bounce.THEIR-DOMAIN`` as
an alias of ``return.SERVICE``, to an address there.  With ``customer_key`` it signs as the customer's domain too, once
that domain's selector is an alias of the service's key.  Real services of today work like this.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr
from pathlib import Path

from mailkit import dkim
from mailkit.lab.mail.mailboxes import header_of
from mailkit.lab.world import Host
from mailkit.network import Network, to_ascii

__all__ = ["customer_of", "is_return_path", "return_path", "signature"]

_LONGEST = 1000  # characters of a From line that are read


def customer_of(message: bytes) -> str:
    """Return the domain of the From line of *message*, "" where there is none."""
    address = parseaddr(str(header_of(message).get("From", ""))[:_LONGEST])[1]
    try:
        return to_ascii(address.rpartition("@")[2])
    except ValueError:
        return ""


def return_path(message: bytes, host: Host, net: Network) -> str:
    """Return the address that bounces of *message* go to: in the customer's name where its DNS says so."""
    local, _, service = host.return_path.partition("@")
    customer = customer_of(message)
    name = f"bounce.{customer}"
    if customer and net.lookup(name, "MX").chain[:1] == (f"return.{service}",):
        return f"{local}@{name}"
    return host.return_path


def is_return_path(address: str, host: Host) -> bool:
    """Return whether *address* is one that *host* put into an envelope: its own, or one in a customer's name."""
    local, _, domain = address.lower().partition("@")
    own = host.return_path.partition("@")[0]
    return bool(host.return_path) and local == own and domain.startswith("bounce.")


def signature(message: bytes, host: Host, net: Network, *, keys: Path, now: datetime) -> bytes:
    """Return the DKIM-Signature field in the customer's name, b"" where its DNS does not lead to the service's key."""
    selector, _, _ = host.customer_key.partition("._domainkey.")
    customer = customer_of(message)
    if not (host.customer_key and customer):
        return b""
    if net.lookup(f"{selector}._domainkey.{customer}", "TXT").chain[:1] != (host.customer_key,):
        return b""
    private = (keys / f"{host.customer_key}.pem").read_bytes()
    try:
        signed = dkim.sign(message, domain=customer, selector=selector, key=private, now=now)
    except ValueError:  # what cannot be signed goes out without
        return b""
    return signed.removesuffix(message)
