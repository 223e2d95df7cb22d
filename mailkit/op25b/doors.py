"""Where a domain's mail comes in, and where its users hand theirs in: what the DNS says about both."""

from __future__ import annotations

from mailkit.network import Network, Status

__all__ = ["mail_exchangers", "service_targets", "submission_hosts"]


def mail_exchangers(domain: str, *, net: Network) -> list[str]:
    """Return the hosts that take mail for *domain*, best first (RFC 5321 section 5.1).

    The domain itself when it has an address and no MX; none when it takes no mail (null MX, RFC 7505) or when the
    DNS does not say.
    """
    answer = net.lookup(domain, "MX")
    if answer.status is Status.NODATA:
        return [domain] if net.lookup(domain, "A") or net.lookup(domain, "AAAA") else []
    ranked = sorted((r.preference, str(r.exchange).rstrip(".")) for r in answer.rdata)  # type: ignore[attr-defined]
    return [name for _, name in ranked if name]


def service_targets(service: str, domain: str, *, net: Network) -> list[tuple[str, int]] | None:
    """Return host and port of *service* (such as ``_submission``) for *domain* from its SRV records, best first.

    The host is "" where a record says that there is no such service (RFC 2782).  None when the DNS does not answer.
    """
    answer = net.lookup(f"{service}._tcp.{domain}", "SRV")
    if answer.status in (Status.TIMEOUT, Status.SERVFAIL):
        return None
    ranked = sorted(answer.rdata, key=lambda r: (r.priority, -r.weight, r.target))  # type: ignore[attr-defined]
    return [(str(r.target).rstrip("."), r.port) for r in ranked]  # type: ignore[attr-defined]


def submission_hosts(domain: str, *, net: Network) -> list[str]:
    """Return where users of *domain* submit mail: its SRV records (RFC 6186, RFC 8314), else the usual name.

    The list is empty when the DNS does not answer.
    """
    found: list[str] = []
    for service in ("_submissions", "_submission"):
        targets = service_targets(service, domain, net=net)
        if targets is None:
            return []
        found += [host for host, _ in targets if host]
    return list(dict.fromkeys(found)) or [f"smtp.{domain}"]
