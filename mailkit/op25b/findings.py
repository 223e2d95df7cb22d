"""What lesson 01 has to say about a domain in a report: where it takes mail, and whether one gets there from here."""

from __future__ import annotations

from dns.rdtypes.txtbase import TXTBase

from mailkit.network import DnsRecord, Network, Status, is_host_name, paste, to_ascii
from mailkit.network.exchangers import Exchangers, mail_exchangers
from mailkit.network.health import trouble
from mailkit.network.hosts import Host, Why, look_up
from mailkit.op25b.reachability import LESSON, about_hosts, about_reverse_names
from mailkit.op25b.scanning import scan
from mailkit.results import Finding, Verdict, visible

__all__ = ["NULL_MX", "findings"]

NULL_MX = "null MX"
"""How the finding on the MX of a domain begins that has a null one (RFC 7505)."""

_MX = "RFC 5321 section 5.1"
_MOST_HOSTS = 10
_AGAIN = "Ask again later, or through another resolver."


def findings(domain: str, *, net: Network, dns_only: bool = False) -> list[Finding]:
    """Return what can be said about the mail exchangers of *domain* from the place of *net*.

    Each question is asked once; on a network whose resolver is silent or lies there is one finding, which says so.
    A null MX is not dialled, and neither is a host that leads to an address which is not public; with *dns_only*
    nobody is.  Raises ValueError for what is no domain name.
    """
    domain, net = to_ascii(domain), net.remembering()
    if explanation := trouble(net):
        return [Finding("MX", domain, Verdict.UNKNOWN, explanation, _AGAIN, reference=_MX, lesson=LESSON)]
    net.prefetch((domain, rdtype) for rdtype in ("MX", "TXT"))
    exchangers = mail_exchangers(domain, net=net)
    found = [_about_mx(domain, exchangers, net)]
    if exchangers.status is not Status.NOERROR:
        return found
    hosts = exchangers.hosts[:_MOST_HOSTS]
    if len(exchangers.hosts) > _MOST_HOSTS:
        evidence = f"{len(exchangers.hosts)} hosts; the first {_MOST_HOSTS} of them are looked at"
        found.append(Finding("MX", domain, Verdict.UNKNOWN, evidence, _TOO_MANY, reference=_MX, lesson=LESSON))
    known = look_up(hosts, net=net)
    found += [_about_name(known[host], domain, net) for host in hosts]
    public = [host for host in hosts if known[host].addresses]
    if dns_only or not public:
        return found
    reached = scan(public, (25,), net=net)
    return [*found, *about_hosts(reached, domain, net), *about_reverse_names(reached, domain, net)]


_TOO_MANY = "So many give senders more to try and nothing else; large providers have about five."


def _about_mx(domain: str, exchangers: Exchangers, net: Network) -> Finding:
    def finding(verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = _MX) -> Finding:
        return Finding("MX", domain, verdict, evidence, advice, fix, reference, LESSON)

    if exchangers.status in (Status.SERVFAIL, Status.TIMEOUT):
        return finding(Verdict.UNKNOWN, exchangers.reason, _AGAIN)
    if exchangers.status is Status.NXDOMAIN:
        return finding(Verdict.FAIL, f"the domain does not exist ({exchangers.reason})", "Check the spelling.")
    sends = _lets_hosts_send(domain, net)
    if exchangers.status is Status.NODATA:
        return _about_no_mx(domain, exchangers, sends, net)
    if exchangers.null_mx and sends:
        evidence = f"{NULL_MX}, though its SPF record lets hosts send: nobody can answer, and no bounce arrives"
        advice = "Let the domain take mail, or let it send none (v=spf1 -all); many receivers refuse such senders."
        return finding(Verdict.WARN, evidence, advice, reference="RFC 7505 section 4.2")
    if exchangers.null_mx:
        return finding(Verdict.PASS, f"{NULL_MX}: the domain takes no mail", reference="RFC 7505")
    if exchangers.null_beside_others:
        advice = "A null MX must stand alone: delete it or the others."
        evidence = f"{NULL_MX} beside others: {', '.join(exchangers.hosts)}"
        return finding(Verdict.FAIL, visible(evidence), advice, reference="RFC 7505 section 3")
    records = exchangers.answer.records if exchangers.answer else ()
    return finding(Verdict.PASS, visible(", ".join(records)))


def _about_no_mx(domain: str, exchangers: Exchangers, sends: bool, net: Network) -> Finding:
    # Who sends wants answers and bounces: a null MX would turn them away.
    fix = "" if sends else _null_mx(domain, net)
    advice = "Name the mail server" + (", or say with a null MX that the domain takes no mail." if fix else ".")
    if exchangers.implicit:
        verdict, evidence = Verdict.WARN, "no MX record"
        advice = f"Mail then goes to the address of the domain itself, which often is a web server. {advice}"
    elif sends:
        verdict = Verdict.FAIL
        evidence = "neither an MX record nor an address, though its SPF record lets hosts send: nobody can answer"
    else:
        verdict, evidence = Verdict.WARN, "neither an MX record nor an address: no mail can be delivered to it"
    return Finding("MX", domain, verdict, evidence, advice, fix, f"{_MX}; RFC 7505 section 3", LESSON)


def _lets_hosts_send(domain: str, net: Network) -> bool:
    """Return whether a v=spf1 record of *domain* has a term that lets somebody send (RFC 7208 section 5)."""
    for rdata in net.lookup(domain, "TXT").rdata:
        text = b"".join(rdata.strings).decode("ascii", "replace").lower() if isinstance(rdata, TXTBase) else ""
        version, *terms = text.split(" ")
        if version == "v=spf1" and any(_lets_send(term) for term in terms):
            return True
    return False


def _lets_send(term: str) -> bool:
    if not term or term[0] in "-~?":
        return False
    name = term.partition(":")[0]
    return term.startswith("redirect=") or "=" not in name


def _null_mx(domain: str, net: Network) -> str:
    """Return the null MX to paste, once it has been tried; "" where it would not do."""
    record = DnsRecord(domain, "MX", "0 .")
    tried = net.overlay([record])
    works = _about_mx(domain, mail_exchangers(domain, net=tried), tried).verdict is Verdict.PASS
    return paste(record) if works else ""


def _about_name(host: Host, domain: str, net: Network) -> Finding:
    def finding(verdict: Verdict, evidence: str, advice: str = "") -> Finding:
        reference = "RFC 2181 section 10.3; RFC 5321 section 5.1"
        return Finding("MX name", host.name, verdict, evidence, advice, "", reference, LESSON)

    if host.why is Why.NO_NAME:
        return finding(Verdict.FAIL, host.reason, "Name the host: an MX record takes a host name, and nothing else.")
    if host.why is Why.UNKNOWN:
        return finding(Verdict.UNKNOWN, host.reason, _AGAIN)
    if host.alias_of:
        advice = "Let the MX record name the host itself; some servers refuse to send to an alias."
        dangling = f", and {host.reason}" if host.why else ""
        return finding(Verdict.FAIL, f"is an alias (CNAME) of {visible(host.alias_of)}{dangling}", advice)
    if host.why is Why.NO_ADDRESS:
        return finding(Verdict.FAIL, host.reason, _without_address(host.name, domain, net))
    if host.why is Why.NOT_PUBLIC:
        advice = (
            "Give the host its public address; from outside nobody reaches this one, and it was not dialled. Inside a "
            "company the resolver may say other things than the world is told: then ask one outside."
        )
        return finding(Verdict.FAIL, host.reason, advice)
    addresses = ", ".join(host.addresses) + (f" ({host.reason})" if host.why is Why.TOO_MANY else "")
    if not is_host_name(host.name):
        advice = "Rename the host: letters, digits and hyphens only (RFC 1123 section 2.1); some senders refuse it."
        return finding(Verdict.WARN, f"is no proper host name; {addresses}", advice)
    if all(":" in address for address in host.addresses):
        return finding(Verdict.WARN, addresses, "Only IPv6: many senders still have IPv4 only.")
    return finding(Verdict.PASS, addresses)


def _without_address(host: str, domain: str, net: Network) -> str:
    """Return what to do about a host without address: the final dot that was forgotten comes first."""
    meant = host.removesuffix(f".{domain}")
    if meant != host and "." in meant and (meant.endswith(f".{domain}") or look_up([meant], net=net)[meant].addresses):
        return f"A final dot seems to be missing: in a zone file write {visible(meant)}. with a dot at its end."
    return "Give the host an address or drop it from the MX."
