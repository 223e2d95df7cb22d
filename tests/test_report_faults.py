"""Single faults planted one at a time on the well-run domain, each named by the finding meant for it and by no other.

And the reverse: well-run domains of many makes, at which there is nothing to warn of.  Everything is looked at in the
DNS alone; the faults of mail servers are planted in the tests of lessons 02 and 03.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support_dns import Records, dns_world

from mailkit import dkim, report
from mailkit.lab import Lab
from mailkit.network import DnsRecord, Network
from mailkit.results import Finding, Verdict

D, SELECTOR = "kaisha.example", "s2026"
BLAME = (Verdict.WARN, Verdict.FAIL)


def public_key(bits: int) -> str:
    """A new RSA key as p= has it."""
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


P = public_key(2048)
KEY = f"v=DKIM1; k=rsa; p={P}"

Planted = list[tuple[str, str, str]]


def spf(*texts: str) -> Planted:
    return [(D, "TXT", text) for text in texts]


def mx(*values: str) -> Planted:
    return [(D, "MX", value) for value in values]


def key(*texts: str) -> Planted:
    return [(f"{SELECTOR}._domainkey.{D}", "TXT", text) for text in texts]


def dmarc(*texts: str) -> Planted:
    return [(f"_dmarc.{D}", "TXT", text) for text in texts]


def hosts(prefix: str, count: int) -> Planted:
    return [(f"{prefix}{n}.{D}", "A", "192.0.2.9") for n in range(count)]


@dataclass(frozen=True)
class Fault:
    """``planted`` takes the place of what is there; ``named`` is ``check@subject=verdict``, the domain left out.

    ``also`` are other findings whose verdict may change: what follows from the same fault.
    """

    name: str
    planted: Planted
    named: str
    also: tuple[str, ...] = ()


WELL = "v=spf1 mx a:smtp.kaisha.example"  # without its end
RUA = "rua=mailto:dmarc-reports@kaisha.example"

FAULTS = [
    Fault("two SPF records", spf(WELL + " -all", "v=spf1 mx -all"), "SPF record@=fail"),
    Fault("no SPF record", spf("hello"), "SPF record@=fail"),
    Fault("+all", spf("v=spf1 mx +all"), "SPF all@=fail"),
    Fault("?all", spf(WELL + " ?all"), "SPF all@=warn"),
    Fault("no all at the end", spf(WELL + ""), "SPF all@=warn"),
    Fault("ptr", spf("v=spf1 mx ptr a:smtp.kaisha.example -all"), "SPF ptr@=warn"),
    Fault("an address that is none", spf("v=spf1 mx ip4:999.1.1.1 -all"), "SPF syntax@=fail"),
    Fault("a mechanism that does not exist", spf("v=spf1 mx ipv4:192.0.2.1 -all"), "SPF syntax@=fail"),
    Fault(
        "an include without a record",
        spf(WELL + " include:nothing.kaisha.example -all"),
        "SPF includes@=fail",
        also=("SPF void lookups@=warn",),
    ),
    Fault("an include of itself", spf(WELL + " include:kaisha.example -all"), "SPF syntax@=fail"),
    Fault(
        "eleven lookups",
        spf(WELL + " " + " ".join(f"a:h{i}.kaisha.example" for i in range(9)) + " -all")
        + [(f"h{i}.kaisha.example", "A", "192.0.2.9") for i in range(9)],
        "SPF lookups@=fail",
        also=("SPF void lookups@=info",),
    ),
    Fault(
        "nine lookups",
        spf(WELL + " " + " ".join(f"a:h{i}.kaisha.example" for i in range(7)) + " -all")
        + [(f"h{i}.kaisha.example", "A", "192.0.2.9") for i in range(7)],
        "SPF lookups@=warn",
        also=("SPF void lookups@=info",),
    ),
    Fault(
        "three names that do not exist",
        spf(WELL + " a:x1.kaisha.example a:x2.kaisha.example a:x3.kaisha.example -all"),
        "SPF void lookups@=fail",
    ),
    Fault("one name that does not exist", spf(WELL + " a:x1.kaisha.example -all"), "SPF void lookups@=warn"),
    Fault("a term after all", spf("v=spf1 mx -all a:smtp.kaisha.example"), "SPF ignored terms@=warn"),
    Fault("= for a colon", spf("v=spf1 mx a=smtp.kaisha.example -all"), "SPF ignored terms@=warn"),
    Fault("the whole internet", spf("v=spf1 mx ip4:0.0.0.0/0 -all"), "SPF who may send@=fail"),
    Fault("a private network", spf("v=spf1 mx ip4:10.0.0.0/8 -all"), "SPF who may send@=warn"),
    Fault("an eighth of the internet", spf("v=spf1 mx ip4:32.0.0.0/3 -all"), "SPF who may send@=fail"),
    Fault("typographic quotes", spf("\u201cv=spf1 mx -all\u201d"), "SPF record@=fail"),
    Fault("a semicolon after the version", spf("v=spf1; mx -all"), "SPF record@=fail"),
    Fault("a version that does not exist", spf("v=spf2 mx -all"), "SPF record@=fail"),
    Fault(
        "more than 450 octets",
        spf(WELL + " " + " ".join(f"ip4:192.0.2.{i}" for i in range(40)) + " -all"),
        "SPF size@=warn",
        also=("SPF strings@=pass",),
    ),
    Fault("a record of the obsolete type", [(D, "SPF", "v=spf1 mx -all")], "SPF obsolete type@=warn"),
    Fault(
        "a term twice",
        spf("v=spf1 mx mx a:smtp.kaisha.example -all"),
        "SPF ignored terms@=warn",
        also=("SPF void lookups@=info",),
    ),
    Fault(
        "an mx of eleven hosts",
        spf(WELL + " mx:many.kaisha.example -all")
        + [("many.kaisha.example", "MX", f"10 m{i}.kaisha.example.") for i in range(11)]
        + [(f"m{i}.kaisha.example", "A", "192.0.2.7") for i in range(11)],
        "SPF mx hosts@=fail",
        also=("SPF void lookups@=info",),
    ),
    Fault("a redirect to nothing", spf("v=spf1 redirect=nothing.kaisha.example"), "SPF syntax@=fail"),
    Fault("two redirects", spf("v=spf1 mx redirect=a.kaisha.example redirect=b.kaisha.example"), "SPF syntax@=fail"),
    Fault(
        "an include that lets everybody in",
        [*spf(WELL + " include:open.kaisha.example -all"), ("open.kaisha.example", "TXT", "v=spf1 +all")],
        "SPF who may send@=fail",
    ),
    Fault(
        "an MX that is an alias",
        [(D, "MX", "10 alias.kaisha.example."), ("alias.kaisha.example", "CNAME", "mx.kaisha.example.")],
        "MX name@alias=fail",
    ),
    Fault(
        "an MX without address",
        [(D, "MX", "10 mx.kaisha.example."), (D, "MX", "20 gone.kaisha.example.")],
        "MX name@gone=fail",
        also=("SPF void lookups@=warn",),
    ),
    Fault(
        "an address as MX",
        [(D, "MX", "10 mx.kaisha.example."), (D, "MX", "20 192.0.2.25.")],
        "MX name@192.0.2.25=fail",
        also=("SPF void lookups@=warn",),
    ),
    Fault(
        "a null MX beside another",
        [(D, "MX", "10 mx.kaisha.example."), (D, "MX", "0 .")],
        "MX@=fail",
        also=("SPF null MX@=warn",),
    ),
    Fault(
        "a null MX of a domain that sends",
        [(D, "MX", "0 .")],
        "MX@=warn",
        also=("SPF null MX@=warn", "DMARC report address@=fail"),
    ),
    Fault(
        "an MX that is no host name",
        [
            (D, "MX", "10 mx.kaisha.example."),
            (D, "MX", "20 m_x.kaisha.example."),
            ("m_x.kaisha.example", "A", "192.0.2.25"),
        ],
        "MX name@m_x=warn",
        also=("SPF void lookups@=info",),
    ),
    Fault(
        "an MX over IPv6 alone",
        [
            (D, "MX", "10 mx.kaisha.example."),
            (D, "MX", "20 six.kaisha.example."),
            ("six.kaisha.example", "AAAA", "2001:db8::25"),
        ],
        "MX name@six=warn",
        also=("SPF IPv6@=pass",),
    ),
    Fault(
        "a final dot forgotten in the MX",
        [(D, "MX", "10 mx.kaisha.example."), (D, "MX", "20 mx.kaisha.example.kaisha.example.")],
        "MX name@mx.kaisha.example=fail",
        also=("SPF void lookups@=warn",),
    ),
    Fault("no key under the selector", key("hello"), "DKIM key@s2026._domainkey=fail"),
    Fault("a key for tests", key("v=DKIM1; k=rsa; t=y; p=" + P), "DKIM key@s2026._domainkey=warn"),
    Fault("a revoked key", key("v=DKIM1; k=rsa; p="), "DKIM key@s2026._domainkey=warn"),
    Fault("a key of 1024 bits", key("v=DKIM1; k=rsa; p=" + public_key(1024)), "DKIM key@s2026._domainkey=warn"),
    Fault("a key cut off", key("v=DKIM1; k=rsa; p=" + P[:120]), "DKIM key@s2026._domainkey=fail"),
    Fault(
        "two keys under one selector",
        key(KEY, "v=DKIM1; k=rsa; p=" + public_key(2048)),
        "DKIM key@s2026._domainkey=warn",
    ),
    Fault("a key for SHA-1 alone", key("v=DKIM1; k=rsa; h=sha1; p=" + P), "DKIM key@s2026._domainkey=fail"),
    Fault("a key for another service", key("v=DKIM1; k=rsa; s=tlsrpt; p=" + P), "DKIM key@s2026._domainkey=fail"),
    Fault("an RSA key said to be Ed25519", key("v=DKIM1; k=ed25519; p=" + P), "DKIM key@s2026._domainkey=fail"),
    Fault("a key of another version", key("v=DKIM2; k=rsa; p=" + P), "DKIM key@s2026._domainkey=fail"),
    Fault("v= not at the beginning of the key", key("k=rsa; v=DKIM1; p=" + P), "DKIM key@s2026._domainkey=fail"),
    Fault("a key that is no base64", key("v=DKIM1; k=rsa; p=!!!!"), "DKIM key@s2026._domainkey=fail"),
    Fault("a private key", key("v=DKIM1; k=rsa; p=-----BEGIN PRIVATE KEY-----"), "DKIM key@s2026._domainkey=fail"),
    Fault(
        "an alias to no key",
        [("s2026._domainkey." + D, "CNAME", "nothing.sender.example.")],
        "DKIM key@s2026._domainkey=fail",
    ),
    Fault("no DMARC record", dmarc("hello"), "DMARC record@=fail"),
    Fault("two DMARC records", dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject"), "DMARC record@=fail"),
    Fault("a policy misspelt", dmarc("v=DMARC1; p=quarantin; " + RUA), "DMARC syntax@=fail"),
    Fault("a policy misspelt, and no reports", dmarc("v=DMARC1; p=quarantin"), "DMARC syntax@=fail"),
    Fault("no policy", dmarc("v=DMARC1; " + RUA), "DMARC syntax@=fail"),
    Fault("subdomains let go", dmarc("v=DMARC1; p=quarantine; sp=none; " + RUA), "DMARC subdomains@=warn"),
    Fault("names that do not exist let go", dmarc("v=DMARC1; p=quarantine; np=none; " + RUA), "DMARC subdomains@=warn"),
    Fault("pct", dmarc("v=DMARC1; p=quarantine; pct=50; " + RUA), "DMARC removed tags@=warn"),
    Fault(
        "reports to a host that has not agreed",
        dmarc("v=DMARC1; p=quarantine; rua=mailto:reports@sender.example"),
        "DMARC report address@=fail",
    ),
    Fault(
        "reports to a host without mail",
        dmarc("v=DMARC1; p=quarantine; rua=mailto:reports@nothing.kaisha.example"),
        "DMARC report address@=fail",
    ),
    Fault(
        "a report address without mailto",
        dmarc("v=DMARC1; p=quarantine; rua=dmarc-reports@kaisha.example"),
        "DMARC syntax@=warn",
        also=("DMARC policy@=warn",),
    ),
    Fault("no report address", dmarc("v=DMARC1; p=quarantine"), "DMARC policy@=warn"),
    Fault("the version of DMARC in small letters", dmarc("v=dmarc1; p=quarantine; " + RUA), "DMARC record@=fail"),
    Fault("v= not at the beginning of DMARC", dmarc("p=quarantine; v=DMARC1; " + RUA), "DMARC record@=fail"),
    Fault(
        "a company that calls itself a public suffix",
        dmarc("v=DMARC1; p=quarantine; psd=y; " + RUA),
        "DMARC organizational domain@=warn",
    ),
    Fault("an alignment that does not exist", dmarc("v=DMARC1; p=quarantine; adkim=x; " + RUA), "DMARC syntax@=warn"),
    Fault(
        "failure reports to a host that has not agreed",
        dmarc("v=DMARC1; p=quarantine; rua=mailto:dmarc-reports@kaisha.example; ruf=mailto:r@sender.example"),
        "DMARC failure report address@=warn",
    ),
    Fault("commas for semicolons", dmarc("v=DMARC1, p=quarantine, " + RUA), "DMARC record@=fail"),
]


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with Lab() as lab:
        yield lab.network()


def state(net: Network) -> dict[tuple[str, str], Finding]:
    found = report.audit(D, net=net, selectors=[SELECTOR], dns_only=True, progress=False)
    return {(finding.check, finding.subject): finding for finding in found}


@pytest.fixture(scope="module")
def well(net: Network) -> dict[tuple[str, str], Finding]:
    return state(net)


def test_there_are_faults_enough_and_nothing_is_wrong_without_them(well: dict[tuple[str, str], Finding]) -> None:
    assert len(FAULTS) >= 40 and len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {finding.verdict for finding in well.values()} == {Verdict.PASS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_named_by_the_finding_meant_for_it(
    net: Network, well: dict[tuple[str, str], Finding], fault: Fault
) -> None:
    now = state(net.overlay(DnsRecord(*record) for record in fault.planted))
    changed = {
        f"{check}@{subject.removesuffix(D).removesuffix('.')}={finding.verdict}": finding
        for (check, subject), finding in now.items()
        if (check, subject) not in well or well[check, subject].verdict is not finding.verdict
    }
    assert changed.keys() == {fault.named, *fault.also}
    named = changed[fault.named]
    assert named.verdict in BLAME and named.evidence and named.advice and named.reference


# Well-run domains of many makes.

OWN_KEY = dkim.generate().record
ED25519 = dkim.generate("ed25519-sha256").record
SHARED: Records = {
    "mx.provider.example": {"A": ["198.51.100.25"], "AAAA": ["2001:db8:5::25"]},
    "mx2.provider.example": {"A": ["198.51.100.26"]},
    "_spf.provider.example": {"TXT": ["v=spf1 ip4:198.51.100.0/26 include:_spf2.provider.example ~all"]},
    "_spf2.provider.example": {"TXT": ["v=spf1 ip6:2001:db8:5::/48 ~all"]},
    "provider.example": {"MX": ["10 mx.provider.example."], "A": ["198.51.100.1"]},
    "k1.provider.example": {"TXT": [OWN_KEY]},
    "reports.example": {"MX": ["10 mx.provider.example."]},
    "reporting.example._report._dmarc.reports.example": {"TXT": ["v=DMARC1"]},
    "_dmarc.group.example": {"TXT": ["v=DMARC1; p=reject; sp=quarantine"]},
    "group.example": {"TXT": ["v=spf1 -all"], "MX": ["0 ."]},
}


def make(
    name: str, text: str | list[str], policy: str = "v=DMARC1; p=reject; rua=mailto:dmarc@{}",
    exchanger: str | list[str] = "10 mx.provider.example.",
    keys: Records | None = None, more: Records | None = None,
) -> tuple[str, Records]:  # fmt: skip
    """A domain and its records; the key stands under a usual selector unless *keys* says otherwise."""
    texts, exchangers = ([v] if isinstance(v, str) else v for v in (text, exchanger))
    signed = {f"default._domainkey.{name}": {"TXT": [OWN_KEY]}} if keys is None else keys
    published: dict[str, dict[str, list[str]]] = {name: {"TXT": texts, "MX": exchangers}}
    if policy:
        published[f"_dmarc.{name}"] = {"TXT": [policy.format(name)]}
    return name, {**published, **signed, **(more or {})}  # type: ignore[dict-item]


def below(name: str, selector: str) -> str:
    return f"{selector}._domainkey.{name}"


MAKES = dict(
    [
        make("fail.example", "v=spf1 mx -all"),
        make("softfail.example", "v=spf1 mx ~all"),  # good practice under an enforced policy (facts: corrections)
        make("quarantine.example", "v=spf1 mx ~all", "v=DMARC1; p=quarantine; rua=mailto:dmarc@quarantine.example"),
        make("watching.example", "v=spf1 mx -all", "v=DMARC1; p=none; rua=mailto:dmarc@watching.example"),
        make("strict.example", "v=spf1 mx -all", "v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:dmarc@{}"),
        make("parked.example", "v=spf1 -all", "v=DMARC1; p=reject", "0 .", {}),
        make("revoked.example", "v=spf1 -all", "v=DMARC1; p=reject", "0 .",
             keys={"*._domainkey.revoked.example": {"TXT": ["v=DKIM1; p="]}}),
        make("listening.example", "v=spf1 -all", keys={}),  # receives and never sends
        make("hosted.example", "v=spf1 include:_spf.provider.example ~all"),
        make("redirecting.example", "v=spf1 redirect=_spf.provider.example"),
        make("addresses.example", "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8:1::/64 -all"),
        make("aliases.example", "v=spf1 mx -all",
             keys={below("aliases.example", f"selector{n}"): {"CNAME": ["k1.provider.example."]} for n in (1, 2)}),
        make("spare.example", "v=spf1 mx -all",
             keys={below("spare.example", "selector1"): {"CNAME": ["k1.provider.example."]},
                   below("spare.example", "selector2"): {"CNAME": ["k2.provider.example."]}}),
        make("both.example", "v=spf1 mx -all",
             keys={below("both.example", "default"): {"TXT": [OWN_KEY]},
                   below("both.example", "mail"): {"TXT": [ED25519]}}),
        make("plainkey.example", "v=spf1 mx -all", keys={below("plainkey.example", "default"): {"TXT": [f"p={P}"]}}),
        make("strictkey.example", "v=spf1 mx -all",
             keys={below("strictkey.example", "default"): {"TXT": [f"v=DKIM1; k=rsa; t=s; p={P}"]}}),
        make("tokens.example", ["v=spf1 mx -all", "google-site-verification=abc", "MS=ms12345678", "some words"]),
        make("strings.example", '"v=spf1 mx ip4:192.0.2.1" " ip4:192.0.2.2 -all"'),
        make("capitals.example", "V=SPF1 MX -ALL"),
        make("reporting.example", "v=spf1 mx -all", "v=DMARC1; p=reject; rua=mailto:a@reports.example"),
        make("news.group.example", "v=spf1 mx -all", ""),  # the policy is the organization's
        make("xn--bcher-kva.example", "v=spf1 mx -all"),
        make("several.example", "v=spf1 mx -all", exchanger=["10 mx.provider.example.", "10 mx2.provider.example."]),
        make("eight.example", "v=spf1 " + " ".join(f"a:h{n}.eight.example" for n in range(8)) + " -all",
             more={f"h{n}.eight.example": {"A": ["192.0.2.9"], "AAAA": ["2001:db8::9"]} for n in range(8)}),
        make("macro.example", "v=spf1 mx exists:%{i}._spf.provider.example -all"),
        make("spaces.example", "v=spf1 mx  -all", "v=DMARC1 ;p=reject ; rua=mailto:dmarc@{} ; "),
        make("failures.example", "v=spf1 mx -all", "v=DMARC1; p=reject; fo=1; rua=mailto:dmarc@{0}; ruf=mailto:f@{0}"),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def makes() -> Iterator[dict[str, list[Finding]]]:
    records = dict(SHARED)
    for published in MAKES.values():
        records |= published
    with dns_world(records, timeout=30.0) as net:
        found = report.audit(list(MAKES), net=net, dns_only=True, progress=False)
    yield {name: [finding for finding in found if finding.domain == name] for name in MAKES}


def test_there_are_makes_enough() -> None:
    assert len(MAKES) >= 20


@pytest.mark.parametrize("name", MAKES)
def test_at_a_well_run_domain_there_is_nothing_to_warn_of(makes: dict[str, list[Finding]], name: str) -> None:
    assert [f"{f.check}: {f.subject}: {f.evidence}" for f in makes[name] if f.verdict in BLAME] == []
    assert Verdict.PASS in {finding.verdict for finding in makes[name]}
