"""Nine domains after the patterns of real ones, served by another process, and what the report says of each.

The world is ``tests/worlds/nine``.  The tables below hold every finding of each report, with the argument for its
verdict: whoever changes a check sees here what it does to domains that people have.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support_worlds import ServedWorld, served_world

import mailkit
from mailkit import report
from mailkit.lab import ca
from mailkit.lab.world_file import load
from mailkit.network import Network
from mailkit.network.records import parse_paste
from mailkit.results import Finding, Rows, Verdict

NINE = Path(__file__).resolve().parent / "worlds" / "nine"

# verdict | check | subjects | why.  "@" stands for the domain; an indented line goes on from the one above.
# What several reports share stands here once.
_SOUND_SPF = """\
        pass    | SPF record | @ | one record in TXT (RFC 7208 sections 3.1, 3.2)
        pass    | SPF size | @ | less than 450 octets with the name (RFC 7208 section 3.4)
        pass    | SPF syntax | @ | RFC 7208 section 12
        pass    | SPF lookups | @ | at most ten (RFC 7208 section 4.6.4)
        pass    | SPF void lookups | @ | every name in it exists (RFC 7208 section 4.6.4)
        pass    | SPF ptr | @ | RFC 7208 section 5.5: do not use it, and it does not"""
_NOTHING_MORE = """\
        info    | sending services | @ | none of the known ones, which proves nothing: selectors cannot be listed
        info    | reading mail | @ | nobody announces a server, and nobody listens under the usual names
        info    | settings for mail programs | @ | no RFC asks for such a file, so that there is one or none is no fault
"""
REPORTS = {
    # Everything at one large provider.
    "studio.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | smtp.bigmx.example | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | smtp.bigmx.example | it greets on port 25, over each protocol that it has an address
                for
        pass    | reverse DNS | 192.0.2.10, 2001:db8:9::10 | the name leads back to the address (RFC 8601 section 3,
                iprev)
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        info    | submission | @ | its users hand in their mail at the provider, under the provider's own names: nothing
                to mend
        pass    | TLS | smtp.bigmx.example:25 | a handshake that came to its end
        pass    | TLS versions | smtp.bigmx.example:25 | TLS 1.2 and 1.3 and nothing older (RFC 9325 section 3.1.1)
        pass    | certificate | smtp.bigmx.example:25 | trusted, for this name, not near its end (RFC 9525 section 6)
{_SOUND_SPF}
        pass    | SPF all | @ | ~all under an enforced DMARC policy is good practice
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | SPF IPv6 | @ | the exchanger has IPv6, and so has the record
        pass    | DKIM key | google._domainkey.@ | 2048 bits under the provider's usual selector
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # Everything at another, with aliases for keys.
    "firm.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | firm-example.mail.protection.cloudmail.example | RFC 2181 section 10.3: a host with an
                address, and no alias
        pass    | MX reachable | firm-example.mail.protection.cloudmail.example | it greets on port 25, over each
                protocol that it has an address for
        pass    | reverse DNS | 192.0.2.20 | the provider's name, another than the MX, and it leads back
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        info    | submission | @ | as above: people log in at the provider
        pass    | TLS | firm-example.mail.protection.cloudmail.example:25 | a handshake that came to its end
        pass    | TLS versions | firm-example.mail.protection.cloudmail.example:25 | TLS 1.2 and 1.3 and nothing older
                (RFC 9325 section 3.1.1)
        pass    | certificate | firm-example.mail.protection.cloudmail.example:25 | trusted, for this name, not near its
                end (RFC 9525 section 6)
{_SOUND_SPF}
        pass    | SPF all | @ | everybody else fails
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | DKIM key | selector1._domainkey.@ | an alias to the service that holds the key
        info    | DKIM key | selector2._domainkey.@ | the service's spare selector waits for the next change of keys:
                deleting it would break that
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # One rented machine.
    "solo.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | mail.@ | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | mail.@ | it greets on port 25, over each protocol that it has an address for
        pass    | reverse DNS | 192.0.2.30 | the name leads back to the address (RFC 8601 section 3, iprev)
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        pass    | submission | @ | a login inside TLS (RFC 6409 section 4.3, RFC 8314 section 3.3)
        pass    | submission on 465 | mail.@ | both ways of RFC 8314 section 3.3
        pass    | SRV record for submission | @ | both services are announced (RFC 6186 section 3.1, RFC 8314 section
                5.1)
        pass    | TLS | mail.@:25, mail.@:465, mail.@:587 | a handshake that came to its end
        pass    | TLS versions | mail.@:25, mail.@:465, mail.@:587 | TLS 1.2 and 1.3 and nothing older (RFC 9325 section
                3.1.1)
        pass    | certificate | mail.@:25, mail.@:465, mail.@:587 | trusted, for this name, not near its end (RFC 9525
                section 6)
        info    | TLS | mail.@:993 | guessed, and nobody listens: who reads mail there is not the sender's affair
{_SOUND_SPF}
        pass    | SPF all | @ | everybody else fails
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | DKIM key | mail._domainkey.@ | RSA of 2048 bits (RFC 8301 section 3.2)
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # Shared hosting.
    "shop.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | @ | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | @ | it greets on port 25, over each protocol that it has an address for
        pass    | reverse DNS | 192.0.2.40 | the provider's name for its machine leads back
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        pass    | submission | @ | the usual name leads to the provider's server, which offers a login inside TLS
        pass    | submission on 465 | smtp.@ | both ways of RFC 8314 section 3.3
        info    | SRV record for submission | _submissions._tcp.@, _submission._tcp.@ | a convenience, which few clients
                read
        pass    | TLS | @:25, smtp.@:465, smtp.@:587 | a handshake that came to its end
        pass    | TLS versions | @:25, smtp.@:465, smtp.@:587 | TLS 1.2 and 1.3 and nothing older (RFC 9325 section
                3.1.1)
        warn    | certificate | @:25 | announced (MX) and for another name: opportunistic senders do not look, MTA-STS
                would refuse
        info    | certificate | smtp.@:465, smtp.@:587 | a usual name that was guessed, on the provider's machine:
                nobody was told to use it
        info    | TLS | imap.@:993, imap.@:143, pop.@:995, pop.@:110 | guessed, and nobody listens
{_SOUND_SPF}
        info    | SPF all | @ | ~all without DMARC only marks: a choice, and no fault
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | DKIM key | default._domainkey.@ | RSA of 2048 bits (RFC 8301 section 3.2)
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # Parked.
    "parked.example": f"""
        pass    | MX | @ | a null MX: it takes no mail (RFC 7505)
        info    | submission | @ | nobody sends from here, so nobody hands in
        info    | TLS | @ | no server, so nothing to encrypt
{_SOUND_SPF}
        pass    | SPF all | @ | v=spf1 -all: it sends nothing
        pass    | SPF who may send | @ | nobody
        info    | DKIM selectors | @ | the wildcard revokes every selector that anybody might claim (RFC 6376 section
                3.6.1)
{_NOTHING_MORE}    """,
    # A sending service with aliased keys.
    "news.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | mx.mailhost.example | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | mx.mailhost.example | it greets on port 25, over each protocol that it has an address
                for
        pass    | reverse DNS | 192.0.2.60 | the name leads back to the address (RFC 8601 section 3, iprev)
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        info    | submission | @ | people log in at the provider
        pass    | TLS | mx.mailhost.example:25 | a handshake that came to its end
        pass    | TLS versions | mx.mailhost.example:25 | TLS 1.2 and 1.3 and nothing older (RFC 9325 section 3.1.1)
        pass    | certificate | mx.mailhost.example:25 | trusted, for this name, not near its end (RFC 9525 section 6)
{_SOUND_SPF}
        pass    | SPF all | @ | everybody else fails
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | DKIM key | s1._domainkey.@, s2._domainkey.@ | aliases to keys that the sending service holds and
                changes
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # Messy.
    "old.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | mail.@ | RFC 2181 section 10.3: a host with an address, and no alias
        fail    | MX name | backup.@, gone.@ | an alias (RFC 2181 section 10.3), and a host without an address: mail to
                it is lost time
        pass    | MX reachable | mail.@, backup.@ | it greets on port 25, over each protocol that it has an address for
        warn    | reverse DNS | 192.0.2.70 | generic, and it does not lead back; only a warning, since an MX need not
                send
        info    | AUTH before TLS | @ | the host was guessed, so it is described and not blamed
        pass    | submission | @ | a login inside TLS (RFC 6409 section 4.3, RFC 8314 section 3.3)
        info    | submission on 465 | smtp.@ | guessed as well
        info    | SRV record for submission | _submission._tcp.@ | a convenience, which few clients read
        pass    | TLS | mail.@:25, backup.@:25, smtp.@:587 | a handshake that came to its end
        pass    | TLS versions | mail.@:25, backup.@:25, smtp.@:587 | TLS 1.2 and 1.3 and nothing older (RFC 9325
                section 3.1.1)
        warn    | certificate | mail.@:25, backup.@:25 | expired in 2019, and for another name behind the alias: most
                senders do not look, some refuse
        info    | TLS | smtp.@:465, mail.@:993, mail.@:143, mail.@:995 | guessed, and nobody listens
        info    | certificate | smtp.@:587 | the same certificate behind a guessed name
        fail    | SPF record | @ | two records: permerror for everybody (RFC 7208 section 4.5)
        warn    | DKIM key | mail._domainkey.@ | 1024 bits: valid, and short (RFC 8301 section 3.2)
        fail    | DKIM key | dkim._domainkey.@ | p= is no base64, so every signature with it fails
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
    # A wildcard over everything.
    "wild.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | mx.@ | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | mx.@ | it greets on port 25, over each protocol that it has an address for
        pass    | reverse DNS | 192.0.2.80 | the name leads back to the address (RFC 8601 section 3, iprev)
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        info    | submission | @ | the wildcard invents smtp., and the web server there refuses
        pass    | TLS | mx.@:25 | a handshake that came to its end
        pass    | TLS versions | mx.@:25 | TLS 1.2 and 1.3 and nothing older (RFC 9325 section 3.1.1)
        pass    | certificate | mx.@:25 | trusted, for this name, not near its end (RFC 9525 section 6)
        info    | TLS | smtp.@:465, smtp.@:587, imap.@:993, imap.@:143, pop.@:995, pop.@:110 | names that the wildcard
                invents: nobody announced them
{_SOUND_SPF}
        pass    | SPF all | @ | everybody else fails
        pass    | SPF who may send | @ | its own hosts and those that it names
        unknown | DKIM selectors | @ | the wildcard answers for every selector, so that none can be found by trying
        info    | sending services | @ | none of the known ones, which proves nothing: selectors cannot be listed
        info    | reading mail | @ | nobody announces a server, and nobody listens under the usual names
        unknown | settings for mail programs | @ | the wildcard invents both names that a program asks for, and nobody
                answers there: whether they are meant cannot be told
    """,
    # Dual stack.
    "dual.example": f"""
        pass    | MX | @ | RFC 5321 section 5.1: the DNS names an exchanger
        pass    | MX name | mx1.@, mx2.@ | RFC 2181 section 10.3: a host with an address, and no alias
        pass    | MX reachable | mx1.@, mx2.@ | it greets on port 25, over each protocol that it has an address for
        pass    | reverse DNS | 192.0.2.90, 2001:db8:90::90, 192.0.2.91, 2001:db8:90::91 | the name leads back to the
                address (RFC 8601 section 3, iprev)
        pass    | AUTH before TLS | @ | no door asks for a password in the clear (RFC 4954 section 4)
        pass    | submission | @ | a login inside TLS, over IPv4 and IPv6
        pass    | submission on 465 | smtp.@ | both ways of RFC 8314 section 3.3
        pass    | SRV record for submission | @ | both services are announced (RFC 6186 section 3.1, RFC 8314 section
                5.1)
        pass    | TLS | mx1.@:25, mx2.@:25, smtp.@:465, smtp.@:587 | a handshake that came to its end
        pass    | TLS versions | mx1.@:25, mx2.@:25, smtp.@:465, smtp.@:587 | TLS 1.2 and 1.3 and nothing older (RFC
                9325 section 3.1.1)
        pass    | certificate | mx1.@:25, mx2.@:25, smtp.@:465, smtp.@:587 | trusted, for this name, not near its end
                (RFC 9525 section 6)
{_SOUND_SPF}
        pass    | SPF all | @ | everybody else fails
        pass    | SPF who may send | @ | its own hosts and those that it names
        pass    | SPF IPv6 | @ | the exchanger has IPv6, and so has the record
        pass    | DKIM key | default._domainkey.@ | RSA of 2048 bits (RFC 8301 section 3.2)
        info    | DKIM selectors | @ | the DNS cannot list selectors: more may be there
{_NOTHING_MORE}    """,
}

# What lesson 06 adds to the same reports.
_RECORD = """
        pass    | DMARC record | @ | a policy of its own (RFC 9989 section 4.5)
        pass    | DMARC syntax | @ | RFC 9989 section 4.8
        pass    | DMARC subdomains | @ | whoever takes a subdomain for the sender meets the same policy (RFC 9989
                section 4.7)
"""
_TO_ITSELF = """
        pass    | DMARC report address | @ | reports go to the organization itself (RFC 9990 section 4)
"""
_NONE = """
        fail    | DMARC record | @ | it sends mail and has no policy: anybody can use its name, and the large receivers
                ask every bulk sender for a record
"""
DMARC = {
    "studio.example": _RECORD
    + _TO_ITSELF
    + """
        pass    | DMARC policy | @ | quarantine, with reports
    """,
    "firm.example": _RECORD
    + """
        warn    | DMARC policy | @ | p=reject, and nobody learns of its own mail that fails (RFC 9989 section 5.1.3)
    """,
    "solo.example": _RECORD
    + _TO_ITSELF
    + """
        pass    | DMARC policy | @ | reject, with reports, and signed mail (RFC 9989 section 7.4)
    """,
    "shop.example": _NONE,
    "parked.example": _RECORD
    + """
        pass    | DMARC policy | @ | it sends and takes no mail: refuse all, and there is nothing to report
    """,
    "news.example": _RECORD
    + _TO_ITSELF
    + """
        info    | DMARC policy | @ | p=none is where everybody begins (RFC 9989 section 5.1.5)
    """,
    "old.example": _NONE,
    "wild.example": _NONE,
    "dual.example": _RECORD
    + _TO_ITSELF
    + """
        pass    | DMARC policy | @ | reject, with reports, and signed mail (RFC 9989 section 7.4)
    """,
}

# What lesson 07 adds: none of them has a policy, and to have none is no fault.
_NO_POLICY = """
        info    | MTA-STS | @ | no policy: senders use TLS where it is offered, and mail arrives (RFC 8461 section 2)
        info    | TLS-RPT | @ | nobody is asked for reports, and no policy holds mail up
"""
_NO_TLSA = "        info    | DANE | {hosts} | the servers have no TLSA record, and need none (RFC 7672 section 2.2)\n"
_EXCHANGERS = {
    "studio.example": "smtp.bigmx.example:25",
    "firm.example": "firm-example.mail.protection.cloudmail.example:25",
    "solo.example": "mail.@:25",
    "shop.example": "@:25",
    "news.example": "mx.mailhost.example:25",
    "old.example": "mail.@:25, backup.@:25, gone.@:25",
    "wild.example": "mx.@:25",
    "dual.example": "mx1.@:25, mx2.@:25",
}
POLICY = {domain: _NO_POLICY + _NO_TLSA.format(hosts=hosts) for domain, hosts in _EXCHANGERS.items()}
POLICY["parked.example"] = """
        info    | MTA-STS | @ | it takes no mail (RFC 7505), so there is none to protect
"""
REPORTS = {domain: rows.rstrip() + DMARC[domain].rstrip() + POLICY[domain] for domain, rows in REPORTS.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    folder = tmp_path_factory.mktemp("nine") / "nine"
    shutil.copytree(NINE, folder)
    ca.make(load(folder))
    with served_world(folder) as served:
        yield served


def network(world: ServedWorld, place: str, timeout: float = 30.0) -> Network:
    """The world as ``mailkit.connect("internet")`` sees it from *place*."""
    return mailkit.connect(
        "internet",
        nameservers=[f"127.0.0.1:{world.dns_port}"],
        via=f"socks5://{place}@127.0.0.1:{world.socks_port}",
        ca_file=world.ca_file,
        trust_anchor=world.trust_anchor,
        probe_domains=["studio.example", "firm.example"],
        ehlo_name="desk.lookout.example",
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def net(world: ServedWorld) -> Network:
    return network(world, "desk")


@pytest.fixture(scope="module")
def reports(net: Network) -> dict[str, Rows[Finding]]:
    found = report.audit(list(REPORTS), net=net, progress=False)
    return {domain: found.where(domain=domain) for domain in REPORTS}


@cache
def argued(domain: str) -> list[tuple[str, str, str, str]]:
    """The rows of the table of *domain*: verdict, check, subject, why."""
    lines: list[str] = []
    for line in REPORTS[domain].strip("\n").splitlines():
        text = line.removeprefix(" " * 8)
        if text.startswith(" "):
            lines[-1] += " " + text.strip()
        elif text.strip():
            lines.append(text)
    rows = []
    for line in lines:
        verdict, check, subjects, why = (part.strip() for part in line.split(" | "))
        rows += [(verdict, check, subject.replace("@", domain), why) for subject in subjects.split(", ")]
    return rows


@pytest.mark.parametrize("domain", REPORTS)
def test_every_verdict_is_the_one_that_is_argued_for(domain: str, reports: dict[str, Rows[Finding]]) -> None:
    expected = sorted((verdict, check, subject) for verdict, check, subject, _ in argued(domain))
    assert sorted((str(f.verdict), f.check, f.subject) for f in reports[domain]) == expected
    assert all(len(why) > 5 for *_, why in argued(domain))


def test_a_parked_domain_has_nothing_to_mend(reports: dict[str, Rows[Finding]]) -> None:
    found = reports["parked.example"]
    assert {finding.verdict for finding in found} == {Verdict.PASS, Verdict.INFO}
    assert not [finding.fix for finding in found if finding.fix]


@pytest.mark.parametrize("domain", [domain for domain in REPORTS if domain != "old.example"])
def test_who_does_it_right_fails_in_nothing(domain: str, reports: dict[str, Rows[Finding]]) -> None:
    failed = {finding.check for finding in reports[domain] if finding.verdict is Verdict.FAIL}
    without_policy = DMARC[domain] == _NONE
    assert failed == ({"DMARC record"} if without_policy else set())


def test_whoever_is_told_of_a_fault_is_told_what_to_do(reports: dict[str, Rows[Finding]]) -> None:
    for found in reports.values():
        for finding in found:
            assert finding.evidence and finding.reference and finding.lesson in report.CHECKS, finding
            if finding.verdict in (Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN):
                assert finding.advice, finding


BLAME = (Verdict.WARN, Verdict.FAIL)


@pytest.mark.parametrize("domain", REPORTS)
def test_what_is_offered_to_paste_clears_its_finding_and_makes_no_new_one(
    domain: str, net: Network, reports: dict[str, Rows[Finding]]
) -> None:
    before = {(finding.check, finding.subject) for finding in reports[domain] if finding.verdict in BLAME}
    for finding in reports[domain]:
        try:
            records = parse_paste(finding.fix)
        except ValueError:
            continue  # a setting of a mail server, or a command
        if not records:
            continue
        after = report.audit(domain, net=net.overlay(records), progress=False)
        blamed = {(found.check, found.subject): found.verdict for found in after if found.verdict in BLAME}
        assert (finding.check, finding.subject) not in blamed
        new = blamed.keys() - before
        if finding.check == "SPF record":  # two records hid what is to be said of their terms
            assert {(check, blamed[check, subject]) for check, subject in new} <= {
                ("SPF ptr", Verdict.WARN),
                ("SPF void lookups", Verdict.WARN),
            }
        else:
            assert not new, f"{finding.fix} makes new findings"


def test_the_merged_record_holds_the_terms_of_both(reports: dict[str, Rows[Finding]]) -> None:
    """And it looks up fewer than three names that have nothing (RFC 7208 section 4.6.4)."""
    (finding,) = [f for f in reports["old.example"] if f.check == "SPF record"]
    (record,) = parse_paste(finding.fix)
    assert set(record.value.split()) == {"v=spf1", "mx", "ptr", "include:relay.hosting.example", "~all"}


@pytest.mark.parametrize("domain", ["solo.example", "dual.example", "firm.example"])
def test_a_place_without_port_25_blames_nobody_for_it(domain: str, world: ServedWorld) -> None:
    found = report.audit(domain, net=network(world, "seat", timeout=2.0), progress=False)
    blamed = {finding.check for finding in found if finding.verdict in (Verdict.FAIL, Verdict.WARN)}
    assert blamed <= {"DMARC policy"}, "that stands in the DNS, which is seen from everywhere"
    unseen = [finding for finding in found if finding.verdict is Verdict.UNKNOWN]
    assert unseen and not [finding for finding in unseen if finding.fix]


def test_a_network_that_lets_nothing_out_blames_nobody(world: ServedWorld) -> None:
    found = report.audit("solo.example", net=network(world, "tunnel", timeout=2.0), progress=False)
    assert not {finding.verdict for finding in found} & {Verdict.FAIL, Verdict.WARN}
    assert not [finding for finding in found if finding.verdict is Verdict.UNKNOWN and finding.fix]
