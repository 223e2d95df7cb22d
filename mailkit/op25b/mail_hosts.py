"""Where a domain's mail comes in, and where its users hand theirs in, as lists of host names to dial.

What is announced, what is guessed and what is left out is decided in :mod:`mailkit.network.endpoints`.
"""

from __future__ import annotations

from mailkit.network import Network
from mailkit.network.endpoints import Purpose, endpoints
from mailkit.network.exchangers import mail_exchangers as exchangers

__all__ = ["mail_exchangers", "submission_hosts"]


def mail_exchangers(domain: str, *, net: Network) -> list[str]:
    """Return the hosts that take mail for *domain*, best first, each once (RFC 5321 section 5.1).

    The domain itself when it has an address and no MX; none when it takes no mail (null MX, RFC 7505) or when the
    DNS does not say.
    """
    return list(exchangers(domain, net=net).hosts)


def submission_hosts(domain: str, *, net: Network) -> list[str]:
    """Return where users of *domain* submit mail: its SRV records (RFC 6186, RFC 8314), else the usual name.

    The list is empty when the DNS does not answer, and when there is neither.
    """
    found = endpoints(domain, net=net, purposes=[Purpose.SUBMISSION])
    return list(dict.fromkeys(endpoint.host for endpoint in found))
