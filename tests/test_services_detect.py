"""``services.detect`` on zones after the patterns of real ones: the services that are there, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from support_dns import dns_world

from mailkit import services
from mailkit.network import Network
from mailkit.services import State

Zone = dict[str, dict[str, list[str]]]

KEY = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxO"
    "CKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
BREVO_KEY = (
    "v=DKIM1;k=rsa;p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDeMVIzrCa3T14JsNY0IRv5/2V1/v2itlviLQBwXsa7shBD6TrBkswsFUTo"
    "PyMRWC9tbR/5ey0nRBH0ZVxp+lsmTxid2Y2z+FApQ6ra2VsXfbJP3HE6wAO0YTVEJt1TmeczhEd2Jiz/fcabIISgXEdSpTYJhb0ct0VJRxcg4c8c7wIDAQAB"
)

# What stands at the services' ends, each customer's part of it after the same pattern.
SERVICES: Zone = {
    "spf.brevo.com": {"TXT": ["v=spf1 ip4:192.0.2.0/28 -all"]},
    "return.smtp2go.net": {"MX": ["10 mx.smtp2go.net."], "TXT": ["v=spf1 ip4:192.0.2.16/28 -all"]},
    "mx.smtp2go.net": {"A": ["192.0.2.16"]},
    "track.smtp2go.net": {"A": ["192.0.2.17"]},
    "dkim.smtp2go.net": {"TXT": [KEY]},
    "spf.smtp2go.com": {"TXT": ["v=spf1 ip4:192.0.2.16/28 -all"]},
    "_spf.elasticemail.com": {"TXT": ["v=spf1 ip4:192.0.2.32/28 -all"]},
    "bounces.elasticemail.net": {"A": ["192.0.2.32"], "MX": ["10 bounces.elasticemail.net."]},
    "api.elasticemail.com": {"A": ["192.0.2.33"]},
    "amazonses.com": {"TXT": ["v=spf1 ip4:192.0.2.48/28 -all"]},
    "feedback-smtp.eu-west-1.amazonses.com": {"A": ["192.0.2.48"]},
    "feedback-smtp.ap-northeast-1.amazonses.com": {"A": ["192.0.2.49"]},
    "inbound-smtp.eu-west-1.amazonaws.com": {"A": ["192.0.2.50"]},
    "ec2-192-0-2-51.compute.amazonaws.com": {"A": ["192.0.2.51"]},
    "abc123.dkim.amazonses.com": {"TXT": [KEY]},
    "mailgun.org": {"TXT": ["v=spf1 ip4:192.0.2.64/28 ~all"], "A": ["192.0.2.64"]},
    "mxa.mailgun.org": {"A": ["192.0.2.65"]},
    "mxb.mailgun.org": {"A": ["192.0.2.66"]},
    "pdk1._domainkey.9d876.dkim1.mailgun.com": {"TXT": [KEY]},
    "sendgrid.net": {"TXT": ["v=spf1 ip4:192.0.2.80/28 ~all"], "A": ["192.0.2.80"]},
    "mx.sendgrid.net": {"A": ["192.0.2.81"]},
    "u123.wl45.sendgrid.net": {"A": ["192.0.2.82"], "TXT": ["v=spf1 ip4:192.0.2.80/28 -all"]},
    "s1.domainkey.u123.wl45.sendgrid.net": {"TXT": [KEY]},
    "pm.mtasv.net": {"MX": ["10 inbound.mtasv.net."]},
    "inbound.mtasv.net": {"A": ["192.0.2.96"]},
    "spf.mtasv.net": {"TXT": ["v=spf1 ip4:192.0.2.96/28 ~all"]},
    "dkim1.mandrillapp.com": {"TXT": [KEY]},
    "dkim2.mandrillapp.com": {"TXT": [KEY]},
    "spf.mandrillapp.com": {"TXT": ["v=spf1 ip4:192.0.2.112/28 ~all"]},
    # Others, whose customers look like theirs.
    "dkim2.mcsv.net": {"TXT": [KEY]},
    "servers.mcsv.net": {"TXT": ["v=spf1 ip4:198.51.100.0/28 ~all"]},
    "selector1-x.onmicrosoft.com": {"TXT": [KEY]},
    "dkim1.mandrillapp.com.lookalike.org": {"TXT": [KEY]},
    "amazonses.com.lookalike.org": {"TXT": ["v=spf1 ip4:198.51.100.16/28 -all"]},
    "notsendgrid.net": {"TXT": ["v=spf1 ip4:198.51.100.32/28 -all"]},
    "s1.domainkey.notsendgrid.net": {"TXT": [KEY]},
    "b1.mydkim.brevo.com.lookalike.org": {"TXT": [KEY]},
    "mx.backup.org": {"A": ["198.51.100.48"]},
    "_spf.google.com": {"TXT": ["v=spf1 ip4:198.51.100.64/28 ~all"]},
    "hub.other.org": {"TXT": ["v=spf1 include:sendgrid.net include:amazonses.com ~all"]},
}


@dataclass(frozen=True)
class Case:
    """What a domain publishes, names relative to it, and what is to be found there; {n} is the domain's number."""

    name: str
    zone: Zone
    found: dict[str, State] = field(default_factory=dict)
    selectors: tuple[str, ...] = ()


def alias(*pairs: str) -> Zone:
    """``alias("bounces", "bounces.elasticemail.net")``: CNAMEs, name and target in turn."""
    return {name: {"CNAME": [f"{target}."]} for name, target in zip(pairs[::2], pairs[1::2])}


def spf(*terms: str) -> Zone:
    return {"@": {"TXT": [" ".join(["v=spf1", *terms, "~all"])]}}


def text(*texts: str) -> Zone:
    return {"@": {"TXT": list(texts)}}


def both(*zones: Zone) -> Zone:
    merged: Zone = {}
    for zone in zones:
        for name, records in zone.items():
            for rdtype, values in records.items():
                merged.setdefault(name, {}).setdefault(rdtype, []).extend(values)
    return merged


SET_UP, HINT, LEFTOVER = State.SET_UP, State.HINT, State.LEFTOVER
BREVO = alias("brevo1._domainkey", "b1.case-org.dkim.brevo.com", "brevo2._domainkey", "b2.case-org.dkim.brevo.com")
MANDRILL = alias("mte1._domainkey", "dkim1.mandrillapp.com", "mte2._domainkey", "dkim2.mandrillapp.com")
SENDGRID = alias("s1._domainkey", "s1.domainkey.u123.wl45.sendgrid.net", "em77", "u123.wl45.sendgrid.net")
RESEND = {"send": {"MX": ["10 feedback-smtp.eu-west-1.amazonses.com."]}, "resend._domainkey": {"TXT": [KEY[16:]]}}
SES = {
    "bounce": {"MX": ["10 feedback-smtp.ap-northeast-1.amazonses.com."], "TXT": ["v=spf1 include:amazonses.com ~all"]}
}
SERVICES |= {"b1.case-org.dkim.brevo.com": {"TXT": [KEY]}, "b2.case-org.dkim.brevo.com": {"TXT": [KEY]}}

CASES = [
    # each service alone
    Case("brevo with aliases", both(BREVO, text("brevo-code:1f2e")), {"Brevo": SET_UP}),
    Case("brevo with the key that all its customers had", {"mail._domainkey": {"TXT": [BREVO_KEY]}}, {"Brevo": SET_UP}),
    Case("brevo's code alone", text("brevo-code:1f2e", "v=spf1 mx -all"), {"Brevo": HINT}),
    Case("brevo allowed and nothing more", spf("mx", "include:spf.brevo.com"), {"Brevo": HINT}),
    Case(
        "smtp2go by a selector from a message",
        alias("s5._domainkey", "dkim.smtp2go.net", "em5", "return.smtp2go.net"),
        {"SMTP2GO": SET_UP},
        ("s5",),
    ),
    Case(
        "smtp2go with numbers that nobody can guess",
        alias("s5._domainkey", "dkim.smtp2go.net", "em5", "return.smtp2go.net"),
    ),
    Case("smtp2go's links", alias("link", "track.smtp2go.net"), {"SMTP2GO": HINT}),
    Case("smtp2go with a return path of a plain name", alias("bounce", "return.smtp2go.net"), {"SMTP2GO": SET_UP}),
    Case(
        "elastic email",
        both(spf("a", "mx", "include:_spf.elasticemail.com"), alias("bounces", "bounces.elasticemail.net")),
        {"Elastic Email": SET_UP},
    ),
    Case("elastic email allowed only", spf("include:_spf.elasticemail.com"), {"Elastic Email": HINT}),
    Case("ses with its own return path", SES, {"Amazon SES": SET_UP}),
    Case(
        "ses by a token from a message",
        alias("abc123._domainkey", "abc123.dkim.amazonses.com"),
        {"Amazon SES": SET_UP},
        ("abc123",),
    ),
    Case("ses allowed at the domain", spf("include:amazonses.com"), {"Amazon SES": HINT}),
    Case("ses receives", {"@": {"MX": ["10 inbound-smtp.eu-west-1.amazonaws.com."]}}, {"Amazon SES": HINT}),
    Case(
        "mailgun at mg",
        both(
            alias("pdk1._domainkey.mg", "pdk1._domainkey.9d876.dkim1.mailgun.com"),
            {"mg": {"TXT": ["v=spf1 include:mailgun.org ~all"], "MX": ["10 mxa.mailgun.org."]}},
        ),
        {"Mailgun": SET_UP},
    ),
    Case(
        "mailgun at the domain",
        both(alias("pdk1._domainkey", "pdk1._domainkey.9d876.dkim1.mailgun.com"), spf("include:mailgun.org")),
        {"Mailgun": SET_UP},
    ),
    Case(
        "mailgun at mg the old way, with a key in a text",
        {"mg": {"TXT": ["v=spf1 include:mailgun.org ~all"]}, "k1._domainkey.mg": {"TXT": [KEY]}},
        {"Mailgun": SET_UP},
    ),
    Case(
        "ses shown whose the domain is",
        {"_amazonses": {"TXT": ["pmBGN/7MjnfhTKUZ06Enqq1PeGUaOkw8lGhcfwefcHU="]}},
        {"Amazon SES": HINT},
    ),
    Case(
        "mailgun receives for the domain",
        {"@": {"MX": ["10 mxa.mailgun.org.", "10 mxb.mailgun.org."]}},
        {"Mailgun": HINT},
    ),
    Case("mailgun's links", alias("email", "mailgun.org"), {"Mailgun": HINT}),
    Case("sendgrid", SENDGRID, {"SendGrid": SET_UP}),
    Case("sendgrid the old way", spf("include:sendgrid.net"), {"SendGrid": HINT}),
    Case("sendgrid's parser of incoming mail", {"@": {"MX": ["10 mx.sendgrid.net."]}}, {"SendGrid": HINT}),
    Case(
        "postmark",
        both(alias("pm-bounces", "pm.mtasv.net"), {"20260101pm._domainkey": {"TXT": [KEY]}}),
        {"Postmark": SET_UP},
    ),
    Case(
        "sendgrid in a record of one's own, by redirect",
        both(text("v=spf1 redirect=_spf.case{n}.org"), {"_spf": {"TXT": ["v=spf1 include:sendgrid.net -all"]}}),
        {"SendGrid": HINT},
    ),
    Case(
        "mailgun two records of one's own away",
        both(
            spf("include:_spf.case{n}.org"),
            {"_spf": {"TXT": ["v=spf1 include:_b.case{n}.org include:_spf.case{n}.org ~all"]}},
            {"_b": {"TXT": ["v=spf1 include:mailgun.org ~all"]}},
        ),
        {"Mailgun": HINT},
    ),
    Case("elastic email by redirect", text("v=spf1 redirect=_spf.elasticemail.com"), {"Elastic Email": HINT}),
    Case("postmark allowed", spf("include:spf.mtasv.net"), {"Postmark": HINT}),
    Case("resend", RESEND, {"Resend": SET_UP}),
    Case("mandrill", both(MANDRILL, text("mandrill_verify.AbC")), {"Mailchimp Transactional": SET_UP}),
    Case("mandrill allowed", spf("include:spf.mandrillapp.com"), {"Mailchimp Transactional": HINT}),
    # several at once
    Case(
        "google for people, sendgrid and mandrill for programs",
        both(spf("include:_spf.google.com"), SENDGRID, MANDRILL),
        {"SendGrid": SET_UP, "Mailchimp Transactional": SET_UP},
    ),
    Case(
        "resend and ses, which it runs on",
        both(RESEND, SES, spf("include:amazonses.com")),
        {"Resend": SET_UP, "Amazon SES": SET_UP},
    ),
    Case(
        "brevo, postmark and links of mailgun",
        both(BREVO, alias("pm-bounces", "pm.mtasv.net", "email", "mailgun.org")),
        {"Brevo": SET_UP, "Postmark": SET_UP, "Mailgun": HINT},
    ),
    Case(
        "five in one record",
        spf(
            "include:sendgrid.net",
            "include:amazonses.com",
            "include:mailgun.org",
            "include:spf.mtasv.net",
            "include:_spf.elasticemail.com",
        ),
        {"Elastic Email": HINT, "Amazon SES": HINT, "Mailgun": HINT, "SendGrid": HINT, "Postmark": HINT},
    ),
    # what a service that is gone leaves behind
    Case(
        "aliases to keys that are gone",
        alias("brevo1._domainkey", "b1.gone-org.dkim.brevo.com", "brevo2._domainkey", "b2.gone-org.dkim.brevo.com"),
        {"Brevo": LEFTOVER},
    ),
    Case("a return path that leads nowhere", alias("em", "u9.wl9.sendgrid.net"), {"SendGrid": LEFTOVER}),
    Case("an include without a record", spf("include:sendinblue.com"), {"Brevo": LEFTOVER}),
    Case(
        "a subdomain that was mailgun's, and its entry leads nowhere",
        {"mg": {"TXT": ["v=spf1 include:gone.mailgun.org ~all"]}},
        {"Mailgun": LEFTOVER},
    ),
    Case("the code of a former name", text("sendinblue-code:77"), {"Brevo": HINT}),
    Case(
        "one gone, one there",
        both(alias("mte1._domainkey", "dkim9.mandrillapp.com"), RESEND),
        {"Resend": SET_UP, "Mailchimp Transactional": LEFTOVER},
    ),
    # look-alikes: nothing is to be found
    Case("nothing at all", {"@": {"MX": ["10 mx.backup.org."], "TXT": ["v=spf1 mx -all"]}}),
    Case("a name that ends otherwise", alias("mte1._domainkey", "dkim1.mandrillapp.com.lookalike.org")),
    Case(
        "a name that begins otherwise",
        both(alias("s1._domainkey", "s1.domainkey.notsendgrid.net"), spf("include:notsendgrid.net")),
    ),
    Case("brevo inside another name", alias("brevo1._domainkey", "b1.mydkim.brevo.com.lookalike.org")),
    Case("ses inside another name", spf("include:amazonses.com.lookalike.org")),
    Case("a machine at amazon as mail server", {"@": {"MX": ["10 ec2-192-0-2-51.compute.amazonaws.com."]}}),
    Case(
        "mailchimp's newsletters are not mandrill",
        both(alias("k2._domainkey", "dkim2.mcsv.net"), spf("include:servers.mcsv.net")),
    ),
    Case("a key of one's own at s1", {"s1._domainkey": {"TXT": [KEY]}}),
    Case("a key of one's own at mail and api", {"mail._domainkey": {"TXT": [KEY]}, "api._domainkey": {"TXT": [KEY]}}),
    Case("microsoft 365", alias("selector1._domainkey", "selector1-x.onmicrosoft.com")),
    Case("a service behind somebody else's include", spf("include:hub.other.org")),
    Case(
        "a service in a record of one's own that is shut out",
        both(spf("?include:_spf.case{n}.org"), {"_spf": {"TXT": ["v=spf1 include:sendgrid.net ~all"]}}),
    ),
    Case("terms without a name", spf("include", "include:", "redirect=", "include:%{d}._spf.other.org")),
    Case("a service that is shut out", spf("-include:sendgrid.net", "?include:amazonses.com", "~include:mailgun.org")),
    Case("words in a text", text("we left mandrill_verify. behind", "v=spf10 include:sendgrid.net", "x brevo-code:1")),
    Case("a wildcard alias to sendgrid", {"*": {"CNAME": ["u123.wl45.sendgrid.net."]}}),
    Case("a wildcard text", {"*": {"TXT": ["v=spf1 include:mailgun.org -all", "any"]}}),
    Case("a wildcard key", {"*._domainkey": {"TXT": [KEY]}}),
    Case("a wildcard mx to mailgun", {"*": {"MX": ["10 mxa.mailgun.org."]}}),
    Case("a revoked key at resend", {"resend._domainkey": {"TXT": ["v=DKIM1; p="]}}),
    Case("a text that is no key at resend", {"resend._domainkey": {"TXT": ["hello"]}}),
    Case(
        "hosts named like a service's subdomains",
        {
            "send": {"A": ["198.51.100.5"]},
            "bounce": {"MX": ["10 mx.backup.org."]},
            "em": {"A": ["198.51.100.6"]},
            "link": {"A": ["198.51.100.7"]},
        },
    ),
    Case("a null MX", {"@": {"MX": ["0 ."], "TXT": ["v=spf1 -all"]}}),
]


def domain_of(number: int) -> str:
    return f"case{number}.org"


@pytest.fixture(scope="module")
def world() -> Iterator[Network]:
    records: Zone = dict(SERVICES)
    for number, case in enumerate(CASES):
        for name, zone in case.zone.items():
            held = {rdtype: [value.replace("{n}", str(number)) for value in values] for rdtype, values in zone.items()}
            records[domain_of(number) if name == "@" else f"{name}.{domain_of(number)}"] = held
        records.setdefault(domain_of(number), {"A": ["198.51.100.9"]})
    with dns_world(records, timeout=20.0) as net:
        yield net


def test_there_are_enough_zones() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    found = {name for case in CASES for name, state in case.found.items() if state is SET_UP}
    assert found == {service.name for service in services.services(practice=False)}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_what_is_there_is_found_and_nothing_else(number: int, world: Network) -> None:
    case = CASES[number]
    guesses = services.detect(domain_of(number), net=world, selectors=case.selectors or None)
    assert {guess.service: guess.state for guess in guesses} == case.found
    assert all(guess.evidence and guess.reason for guess in guesses)


def test_each_guess_shows_its_evidence(world: Network) -> None:
    number = [case.name for case in CASES].index("brevo with aliases")
    (guess,) = services.detect(domain_of(number), net=world)
    assert f"brevo1._domainkey.{domain_of(number)} CNAME b1.case-org.dkim.brevo.com" in guess.evidence
    assert any("brevo-code:1f2e" in line for line in guess.evidence)


def test_what_leads_nowhere_says_so(world: Network) -> None:
    number = [case.name for case in CASES].index("an include without a record")
    (guess,) = services.detect(domain_of(number), net=world)
    assert guess.evidence == (f"{domain_of(number)} SPF include:sendinblue.com (which leads nowhere)",)


def test_a_resolver_that_says_nothing_leaves_it_unknown() -> None:
    net = Network("internet", "here", (("127.0.0.1", 9),), timeout=0.2)
    rows = services.detect("case.org", net=net)
    assert [(row.service, row.state) for row in rows] == [("(others)", State.UNKNOWN)]


@pytest.mark.parametrize(
    ("domain", "selectors", "error"),
    [("a b", None, ValueError), ("user@case.org", None, ValueError), ("case.org", "s1", TypeError),
     ("case.org", ["s 1"], ValueError), ("case.org", ["s"] * 21, ValueError)],
)  # fmt: skip
def test_bad_arguments_say_what_to_pass(domain: str, selectors: object, error: type[Exception], world: Network) -> None:
    with pytest.raises(error):
        services.detect(domain, net=world, selectors=selectors)  # type: ignore[arg-type]


ODD = {
    "odd.org": {
        "MX": ["10 we\\032ird.mailgun.org.", "20 \\200.mailgun.org."],
        "TXT": ["v=spf1 include:%{d}.sendgrid.net"],
    },
    "link.odd.org": {"CNAME": ["\\000x.track.smtp2go.net."]},
    "email.odd.org": {"CNAME": ["a\\.b.mailgun.org."]},
    "bounce.odd.org": {"CNAME": ["x\\@y.return.smtp2go.net."]},
    "mte1._domainkey.odd.org": {"CNAME": ["\\255.mandrillapp.com."]},
    "loop.odd.org": {"CNAME": ["loop.odd.org."]},
    "pm-bounces.odd.org": {"CNAME": ["pm-bounces.odd.org."]},
}


def test_odd_names_cost_no_exception_and_are_shown_safely() -> None:
    with dns_world(ODD, timeout=20.0) as net:
        rows = services.detect("odd.org", net=net)
        found = services.findings("odd.org", net=net)
    for text in [line for row in rows for line in row.evidence] + [each.evidence for each in found]:
        assert text.isprintable() and len(text) < 700
