"""Second opinions: OpenDMARC's library and Perl's Mail::DMARC (RFC 7489, with a Public Suffix List), and authheaders.

They are asked about every alignment case without a failing DNS.  Mail::DMARC and authheaders ask the same DNS on
loopback; OpenDMARC is given the record, if the old way finds one, and asks nobody.  authheaders walks the tree too, as
draft 07 of what became RFC 9989 had it; so it is asked about discovery as well.  Where one says otherwise, a function
here says why, and the test fails when that is no longer so.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from subprocess import PIPE, Popen
from typing import Any

import dns.resolver
import pytest
from authres import DKIMAuthenticationResult, SPFAuthenticationResult
from publicsuffixlist import PSLFILE
from support_spf_dns import SERVFAIL, DnsServer
from test_dmarc import ALIGNMENT, DISCOVERY, publish

from mailkit import dmarc
from mailkit.dmarc.records import parse_record

LIBRARY = "libopendmarc.so.2"

ASK = """
import ctypes, json, sys
lib = ctypes.CDLL(sys.argv[1])
lib.opendmarc_tld_read_file(sys.argv[2].encode(), b"//", b"*.", b"!")
lib.opendmarc_policy_connect_init.restype = ctypes.c_void_p
SPF = {"none": 0, "pass": 1, "temperror": 3}
WORDS = {14: "none", 15: "pass", 16: "fail", 17: "fail", 18: "fail"}
answers = []
for case in json.load(sys.stdin):
    ctx = ctypes.c_void_p(lib.opendmarc_policy_connect_init(b"192.0.2.1", 4))
    lib.opendmarc_policy_store_from_domain(ctx, case["domain"].encode())
    if case["spf"]:
        result, domain = case["spf"]
        lib.opendmarc_policy_store_spf(ctx, domain.encode(), SPF.get(result, 2), 1, b"")
    for result, domain in case["dkim"]:
        if domain:
            lib.opendmarc_policy_store_dkim(ctx, domain.encode(), b"s", SPF.get(result, 2), b"")
    found = [case[name].encode() for name in ("record", "where", "organizational")]
    lib.opendmarc_policy_store_dmarc(ctx, *found)
    answers.append(WORDS.get(lib.opendmarc_get_policy_to_enforce(ctx), "error"))
print(json.dumps(answers))
"""

CASES = [
    pytest.param(number, id=f"{case[6]}-{case[4]}-{number}")
    for number, case in enumerate(ALIGNMENT)
    if SERVFAIL not in case[0].values() and case[1].isascii()
]

PERL = r"""
use strict; use warnings; use JSON::PP; use Net::DNS; use Mail::DMARC::PurePerl; $| = 1;
my $port = shift;
while (my $line = <STDIN>) {
    my $case = decode_json($line);
    my $dmarc = Mail::DMARC::PurePerl->new;
    $dmarc->set_resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port));
    $dmarc->header_from($case->{domain});
    if (!$case->{dkim}) {
        my $policy = eval { $dmarc->discover_policy };
        print encode_json({where => $policy ? $policy->domain : ""}), "\n";
        next;
    }
    $dmarc->source_ip('192.0.2.1');
    my $spf = $case->{spf};
    $dmarc->spf([$spf ? {scope => 'mfrom', domain => $spf->[1], result => $spf->[0]} : ()]);
    $dmarc->dkim([map {{domain => $_->[1], selector => 's', result => $_->[0]}} grep { $_->[1] } @{$case->{dkim}}]);
    my $answer = eval { $dmarc->validate };
    print encode_json({result => $answer ? $answer->result : "error: $@"}), "\n";
}
"""


def shared_disagreement(number: int) -> str:
    """Return why both peers say otherwise about this case, "" when they should agree."""
    records, domain, spf, _, ours, _, _ = ALIGNMENT[number]
    if ours == "temperror":
        return "it has no such result: what could not be checked counts as failed"
    if "psd=" in str(records.values()) and ours == "fail" and spf[1].endswith("example.com"):
        return "it knows no psd: by the list both belong to example.com"
    if "example.com" not in records and spf == ("pass", "example.com") != ("pass", domain):
        return "by the list both belong to example.com, which has no record of its own for the tree walk to find"
    return ""


def mail_dmarc_disagreement(number: int) -> str:
    """Return why Mail::DMARC 1.20211209 says otherwise about this case, "" when it should agree."""
    records = ALIGNMENT[number][0]
    if "com" in records and "example.com" not in records:
        return "it asks the domain and the registered domain only, and so does not see the record of com"
    if isinstance(records.get("example.com"), list):
        return "several records are an error to it: fail, with the disposition none"
    if records.get("example.com") == "v=DMARC1; p=x":
        return "an invalid policy is an error to it: fail, with the disposition none"
    return shared_disagreement(number)


def opendmarc_disagreement(number: int, record: str) -> str:
    """Return why OpenDMARC 1.4.2 says otherwise about this case, "" when it should agree."""
    _, _, spf, _, ours, missed, _ = ALIGNMENT[number]
    if dmarc.Missed.STRICT in missed and ours == "fail":
        return "with a list it took the registered domain in strict mode too, until May 2026 (its pull request 354)"
    if spf == ("pass", "com"):
        return "it takes a parent of the From domain for aligned, be it a public suffix"
    if "p=x" in record:
        return "to it an invalid p makes the record none, although RFC 7489 section 6.6.3 has it count as p=none"
    return shared_disagreement(number)


@pytest.fixture(scope="module")
def answers(dns_server: DnsServer) -> dict[int, tuple[str, str]]:
    """Number of the case -> what OpenDMARC says and what the old way found."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        pytest.skip(f"{LIBRARY} is missing: apt-get install libopendmarc2")
    cases: dict[int, Any] = {}
    for param in CASES:
        (number,) = param.values
        records, domain, spf, signatures, *_ = ALIGNMENT[number]
        dns_server.clear()
        dns_server.publish("root.test", "A", "192.0.2.1")
        publish(dns_server, records)
        old = dmarc.policy(domain, net=dns_server.net()).old
        if old.status == "found":
            cases[number] = {
                "domain": domain,
                "record": old.record,
                "where": old.where,
                "organizational": old.organizational_domain,
                "spf": spf,
                "dkim": signatures,
            }
    command = [sys.executable, "-c", ASK, LIBRARY, PSLFILE]
    done = subprocess.run(command, input=json.dumps(list(cases.values())), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {
        number: (said, cases[number]["record"]) for number, said in zip(cases, json.loads(done.stdout), strict=True)
    }


@pytest.fixture(scope="module")
def mail_dmarc(dns_server: DnsServer) -> Iterator[Popen[str]]:
    """Mail::DMARC, waiting for cases on its standard input."""
    perl = shutil.which("perl")
    if perl is None or subprocess.run([perl, "-MMail::DMARC::PurePerl", "-e1"], capture_output=True).returncode:
        pytest.skip("Mail::DMARC is missing: apt-get install libmail-dmarc-perl")
    with Popen([perl, "-e", PERL, dns_server.address.split(":")[1]], stdin=PIPE, stdout=PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def answer_of(process: Popen[str], case: dict[str, Any]) -> dict[str, str]:
    """Return what Mail::DMARC says of one case."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(case) + "\n")
    process.stdin.flush()
    return dict(json.loads(process.stdout.readline()))


# Records about which Mail::DMARC says otherwise when it discovers the policy in the old way, and why.
READ_OTHERWISE = {
    "v=dmarc1; p=reject": "it takes the version in any case",
    "v=DMARC1 p=none": "it takes it for a record, and for a faulty one; RFC 7489 section 6.3 discards it",
    "v=DMARC1; p=rejekt; rua=mailto:d@example.com": "it knows no p=none in place of an invalid p (section 6.6.3)",
}
DISCOVERED = [number for number, case in enumerate(DISCOVERY) if case[1].isascii() and not case[1].endswith(".")]


@pytest.mark.parametrize("number", DISCOVERED)
def test_the_old_way_of_discovery(dns_server: DnsServer, mail_dmarc: Popen[str], number: int) -> None:
    records, domain, *_ = DISCOVERY[number]
    dns_server.clear()
    dns_server.publish("root.test", "A", "192.0.2.1")
    publish(dns_server, records)
    old = dmarc.policy(domain, net=dns_server.net()).old
    said = answer_of(mail_dmarc, {"domain": domain})["where"]
    otherwise = [record for record in records.values() if isinstance(record, str) and record in READ_OTHERWISE]
    if otherwise:
        assert said != old.where, f"no longer so: {READ_OTHERWISE[otherwise[0]]}"
    else:
        assert said == (old.where if old.status == "found" else ""), (records, old.reason)


@pytest.mark.parametrize("number", CASES)
def test_mail_dmarc(dns_server: DnsServer, mail_dmarc: Popen[str], number: int) -> None:
    records, domain, spf, signatures, ours, *_ = ALIGNMENT[number]
    dns_server.clear()
    publish(dns_server, records)
    for name in ("", "a.", "x.a.", "news.", "evil."):  # what it does with names that do not exist is another matter
        dns_server.publish(f"{name}example.com", "A", "192.0.2.1")
    said = answer_of(mail_dmarc, {"domain": domain, "spf": spf, "dkim": signatures})["result"]
    if why := mail_dmarc_disagreement(number):
        assert said != ours, f"no longer so: {why}"
    else:
        assert said == ours, ALIGNMENT[number]


@pytest.mark.parametrize("number", CASES)
def test_opendmarc(answers: dict[int, tuple[str, str]], number: int) -> None:
    if number not in answers:
        pytest.skip("the old way finds no record here")
    ours = ALIGNMENT[number][4]
    said, record = answers[number]
    if why := opendmarc_disagreement(number, record):
        assert said != ours, f"no longer so: {why}"
    else:
        assert said == ours, (ALIGNMENT[number], record)


# authheaders 0.16.3, told to walk the tree.


@pytest.fixture
def authheaders(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, which asks its questions of the DNS on loopback."""
    package = pytest.importorskip("authheaders", reason="authheaders is missing: pip install authheaders==0.16.3")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], int(dns_server.address.split(":")[1]), 60.0
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    return package


def walked_otherwise(number: int) -> str:
    """Return why authheaders discovers something else in this case, "" when it should agree."""
    records, domain, where, policy, organizational, *_ = DISCOVERY[number]
    record = records.get(where, "")
    if isinstance(record, list) and isinstance(record[0], list):
        return "it does not join the strings of a record"
    if where not in ("", domain) and where.count(".") >= 4:
        return "to draft 07 the walk goes on with four labels; RFC 9989 section 4.10 has it go on with seven"
    if "psd=y" in record and "." in where and where != domain:
        return "it counts one label for a public suffix, however many it has"
    if where == domain != organizational and parse_record(records[organizational]).p != policy:
        return "it takes the record of the organizational domain before the author domain's own"
    if "A x.a.example.com" in records:
        return "a name without addresses does not exist to it, although names exist below"
    if not isinstance(record, str) or not record:
        return ""
    return read_otherwise(record, to_itself=where == domain == organizational)


def read_otherwise(text: str, *, to_itself: bool) -> str:
    """Return why authheaders reads another policy from the record *text*, found at the author domain or above."""
    record = parse_record(text)
    if record.invalid_policy and (record.rua or "p=" in text):
        return "it takes any word for a policy, and knows no p=none in place of one that is missing"
    if to_itself and {record.sp, record.np} - {None, record.p}:
        return "it asks sp and np, which are for subdomains, of the domain with the record, too"
    if record.testing and text != "v=DMARC1; p=none; t=y":
        return "draft 07 has no t=y"
    return ""


def aligned_otherwise(number: int) -> str:
    """Return why authheaders comes to another result in this case, "" when it should agree."""
    records, _, spf, _, ours, *_ = ALIGNMENT[number]
    if records.get("example.com") == "v=DMARC1; p=x":
        return "it takes any word for a policy"
    if ours == "pass" and records.keys() == {"com"} and spf == ("pass", "other.com"):
        return "it walks for the record only: what is aligned it asks the list"
    return shared_disagreement(number)


@pytest.mark.parametrize("number", DISCOVERED)
def test_the_walk_of_authheaders(dns_server: DnsServer, authheaders: Any, number: int) -> None:
    records, domain, _, policy, organizational, *_ = DISCOVERY[number]
    dns_server.clear()
    dns_server.publish("root.test", "A", "192.0.2.1")
    publish(dns_server, records)
    found = authheaders.dmarc_per_from(domain, dmarcbis=True, policy_only=True)
    said = (found[3] or None, found[5])
    if why := walked_otherwise(number):
        assert said != (policy, organizational), f"no longer so: {why}"
    else:
        assert said == (policy, organizational), records


@pytest.mark.parametrize("number", CASES)
def test_authheaders(dns_server: DnsServer, authheaders: Any, number: int) -> None:
    """It judges one signature at a time: a message passes when it does with any of its signatures."""
    records, domain, spf, signatures, ours, *_ = ALIGNMENT[number]
    dns_server.clear()
    dns_server.publish("root.test", "A", "192.0.2.1")
    publish(dns_server, records)
    results = set()
    for signature in signatures or [("none", "")]:
        # It changes what it is given.
        by_spf = SPFAuthenticationResult(result=spf[0], smtp_mailfrom=f"x@{spf[1]}") if spf else None
        by_dkim = DKIMAuthenticationResult(result=signature[0], header_d=signature[1])
        results.add(authheaders.dmarc_per_from(domain, by_spf, by_dkim, dmarcbis=True)[0])
    said = "pass" if "pass" in results else results.pop()
    if why := aligned_otherwise(number):
        assert said != ours, f"no longer so: {why}"
    else:
        assert said == ours, ALIGNMENT[number]
