"""``plan``: the records and the policy file with which a domain makes senders insist on TLS, tried before offered."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.network import DnsRecord, Network, Security, paste
from mailkit.network.exchangers import inside, mail_exchangers
from mailkit.network.names import is_host_name, to_ascii
from mailkit.network.parallel import each
from mailkit.results import Outcome, Record, Sentence, visible
from mailkit.tls.domain_scan import scan_relays
from mailkit.transport_policy.dane import Dane, dane
from mailkit.transport_policy.mta_sts import PATH, MtaSts, mta_sts, policy_host
from mailkit.transport_policy.mta_sts_policy import MOST_MX, parse, write
from mailkit.transport_policy.mta_sts_record import find_record
from mailkit.transport_policy.tls_rpt import tls_rpt
from mailkit.transport_policy.tlsa import value_for

__all__ = ["TransportPlan", "plan"]

_TIMEOUT = 60.0  # seconds for everything
_MOST_HOSTS = 20  # whose certificates are looked at
_FIRST_AGE, _LASTING_AGE = 86_400, 1_209_600  # seconds: a day while testing, two weeks when it is meant
_ID = "%Y%m%d%H%M%S"


@dataclass(frozen=True)
class TransportPlan(Record):
    """What *domain* can publish: ``records`` for the DNS, and ``policy``, the file for ``url``.

    ``notes`` say what else is needed, and what could not be prepared.
    """

    domain: str
    records: tuple[DnsRecord, ...]
    policy: str
    url: str
    notes: tuple[str, ...]

    @property
    def zone(self) -> Sentence:
        """The records as lines of a zone file, to paste."""
        return Sentence(paste(*self.records))


def plan(domain: str, *, net: Network) -> TransportPlan:
    """Return what *domain* should publish next to have its mail delivered over TLS that convinces.

    A new policy begins in testing; one that is enforced stays so.  TLSA records are made from the certificates that
    the domain's own mail servers show now, where their zone is signed.  The whole takes at most 60 seconds.  Raises
    ValueError for what is no domain name, and for a domain that takes no mail or whose MX cannot be had.
    """
    name = to_ascii(domain)
    net = net.remembering(_TIMEOUT)
    exchangers = mail_exchangers(name, net=net)
    hosts = [host for host in exchangers.hosts if is_host_name(host)]
    if not hosts:
        why = exchangers.reason or ("its MX is null" if exchangers.null_mx else "its MX names no host")
        raise ValueError(f"{name} takes no mail that a policy could protect: {why}")
    if len(hosts) > MOST_MX:
        raise ValueError(f"{name} has {len(hosts)} mail servers, and a policy names {MOST_MX} of them at most")
    now_published = mta_sts(name, net=net)
    policy, notes = _policy(now_published, hosts)
    notes += [
        f"{visible(odd, 80)} stands in the MX and not in the policy, which takes host names only: correct the MX"
        for odd in exchangers.hosts[:MOST_MX]
        if odd not in hosts
    ]
    records = _policy_record(name, now_published, policy, f"{net.now():{_ID}}")
    reports = tls_rpt(name, net=net)
    if reports.valid is False:
        records.append(DnsRecord(f"_smtp._tls.{name}", "TXT", f"v=TLSRPTv1; rua=mailto:postmaster@{name}"))
        notes.append(f"postmaster@{name} must be read, or put the address of who reads reports in its place")
    for made, note in each(lambda host: _tlsa(name, host, net), hosts[:_MOST_HOSTS]):
        records += made
        notes += [note] if note else []
    if len(hosts) > _MOST_HOSTS:
        notes.append(f"TLSA records were prepared for the first {_MOST_HOSTS} of {len(hosts)} mail servers only")
    _try(name, records, policy, hosts, net)
    return TransportPlan(
        name, tuple(records), policy, f"https://{policy_host(name)}{PATH}", tuple(dict.fromkeys(notes))
    )


def _policy(found: MtaSts, hosts: list[str]) -> tuple[str, list[str]]:
    """Return the file to publish, and what to do about it."""
    notes = []
    mode = found.mode if found.valid and found.mode in ("testing", "enforce") else "testing"
    missing = [host for host in hosts if not found.matches(host)]
    if found.valid and found.mode == mode and not missing:
        notes.append(f"the policy in force ({mode}) names every mail server: it can stay as it is")
        return write(mode, found.mx, found.max_age), notes
    if found.valid is None:
        notes.append(f"what is published now could not be seen ({found.reason}): if it is enforced, keep mode enforce")
    if found.valid is False:
        notes.append(
            f"{found.domain} needs a web server at {policy_host(found.domain)}, with a certificate for that name"
        )
    if mode == "testing":
        notes.append("when reports show no failures for some weeks: mode enforce, a longer max_age, and a new id")
    notes.append("publish the file first, the record with the new id after it")
    age = max(found.max_age, _LASTING_AGE) if mode == "enforce" else _FIRST_AGE
    return write(mode, tuple(hosts), age), notes


def _policy_record(name: str, found: MtaSts, policy: str, identifier: str) -> list[DnsRecord]:
    file = parse(policy.encode())
    if found.valid and (file.mode, file.mx, file.max_age) == (found.mode, found.mx, found.max_age):
        return []
    return [DnsRecord(f"_mta-sts.{name}", "TXT", f"v=STSv1; id={identifier}")]


def _tlsa(domain: str, host: str, net: Network) -> tuple[list[DnsRecord], str]:
    """Return the TLSA records for *host*, and what to know about them."""
    if not inside(host, domain):
        return [], f"{host} is its operator's: whether it has TLSA records is for them to decide"
    published = dane(host, net=net)
    if published.dnssec is Security.UNKNOWN:
        return [], f"no TLSA record for {host}: {published.reason}"
    if published.dnssec is not Security.SECURE:
        return [], f"no TLSA record for {host}: DNSSEC says {published.dnssec} of its zone, and only signed ones count"
    (seen,) = scan_relays([host], net=net)
    if seen.outcome is not Outcome.OPEN or not seen.chain:
        return (
            [],
            f"no TLSA record for {host}: its certificate cannot be seen from here ({seen.reason or seen.outcome})",
        )
    chain = [certificate.der for certificate in seen.chain]
    if published.holds(chain, now=net.now(), names=[domain]).ok:
        return [], ""
    values = [*_kept(published), value_for(chain[0])]
    note = f"{host}: publish the TLSA record of a new key before the server shows it, and wait for the old TTL to pass"
    if not (seen.trusted and seen.name_ok):
        note += f". Nobody vouches for the key seen from here ({seen.reason}): compare it on the server itself first"
    return [DnsRecord(f"_25._tcp.{host}", "TLSA", value) for value in dict.fromkeys(values)], note


def _kept(published: Dane) -> list[str]:
    """Return the records that may belong to a key to come; those that do not count are let go."""
    return [record.text for record in published.tlsa if record.counts]


def _try(name: str, records: list[DnsRecord], policy: str, hosts: list[str], net: Network) -> None:
    """Publish all of it in an overlay and read it again; what does not hold is a fault of ours."""
    trial = net.overlay(records)
    file = parse(policy.encode())
    assert not file.problem, file.problem
    if any(record.name.startswith("_mta-sts.") for record in records):
        assert find_record(trial.lookup(f"_mta-sts.{name}", "TXT").texts).id
    if any(record.name.startswith("_smtp.") for record in records):
        assert tls_rpt(name, net=trial).valid
    found = MtaSts(name, True, True, file.mode, file.mx)
    assert all(found.matches(host) for host in hosts)
