"""The services' tables, plans for all of them pasted into the practice internet, their doors, and complaints."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from support_dns import dns_world
from support_services import KEY, PANEL

from mailkit import dkim, report, services, spf
from mailkit.lab import Lab
from mailkit.network import Network, parse_paste
from mailkit.op25b import Reach
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict
from mailkit.services import Action, Confidence

NINE = [service.name for service in services.services(practice=False)]
DOMAIN = "kaisha.example"
# The records that the services' SPF terms lead to do not exist in the practice internet.
INCLUDED = ("_spf.elasticemail.com", "amazonses.com", "mailgun.org")


def complaints(found: Rows[Finding]) -> set[tuple[str, str, str]]:
    """What is wrong, in a form that two runs share."""
    return {(each.check, each.subject, each.verdict) for each in found if each.verdict in (Verdict.WARN, Verdict.FAIL)}


# --- the tables -------------------------------------------------------------------------------------------------


def test_the_nine_services_are_there() -> None:
    assert NINE == [
        "Brevo", "SMTP2GO", "Elastic Email", "Amazon SES", "Mailgun", "SendGrid", "Postmark", "Resend",
        "Mailchimp Transactional",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NINE)
def test_each_service_has_doors_records_and_signs(name: str) -> None:
    found = services.service(name)
    assert found.hosts and found.templates and found.signs
    assert 587 in dict(found.ports)
    assert all(cell.source and re.fullmatch(r"20\d\d-\d\d-\d\d", cell.as_of) for cell in found.cells)


def test_what_nobody_confirms_is_marked_in_the_comparison_and_concludes_nothing() -> None:
    unconfirmed = [c for s in services.services() for c in s.cells if c.confidence is Confidence.UNCONFIRMED]
    assert unconfirmed, "the test is about something"
    shown = {(row.service, text) for row in services.compare() for text in vars(row).values()}
    by_field = {"regions"}
    for cell in unconfirmed:
        if cell.field in by_field:
            assert (cell.service, f"{cell.value} (unconfirmed)") in shown
    before = {row.service: row for row in services.alignment() if row.when == "before"}
    assert before["SendGrid"].spf_aligned is None and "(unconfirmed)" in before["SendGrid"].return_path
    assert before["Postmark"].spf_aligned is False
    after = {row.service: row for row in services.alignment() if row.when == "after"}
    assert after["Postmark"].spf_aligned and after["Postmark"].dkim_aligned
    assert after["Brevo"].spf_aligned is False, "its return path stays its own on a shared address"


@pytest.mark.parametrize("name", NINE)
def test_nothing_is_planned_or_found_by_what_nobody_confirms(name: str) -> None:
    found = services.service(name)
    assert all(each.confidence is not Confidence.UNCONFIRMED for each in (*found.templates, *found.signs))


@pytest.mark.parametrize(
    ("spelt", "name"),
    [("brevo", "Brevo"), ("Sendinblue", "Brevo"), ("ses", "Amazon SES"), ("amazon-ses", "Amazon SES"),
     ("mandrill", "Mailchimp Transactional"), ("Twilio SendGrid", "SendGrid"), ("elasticemail", "Elastic Email")],
)  # fmt: skip
def test_a_service_is_known_by_any_of_its_names(spelt: str, name: str) -> None:
    assert services.service(spelt).name == name


def test_an_unknown_service_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="there are Brevo, SMTP2GO"):
        services.service("Mailjet")
    with pytest.raises(TypeError):
        services.service(7)  # type: ignore[arg-type]


# --- plans ------------------------------------------------------------------------------------------------------


def build_the_services_end(lab: Lab, plan: services.ServicePlan, key: str) -> None:
    """Publish what a real service has published where the plan's records lead."""
    for change in plan.changes:
        if change.rdtype == "CNAME" and "_domainkey." in change.name:
            lab.publish(change.value.rstrip("."), "TXT", key)
        elif change.rdtype == "CNAME":
            lab.publish(change.value.rstrip("."), "TXT", "v=spf1 ip4:203.0.113.192/28 ~all")
        elif change.rdtype == "MX":
            lab.publish(change.value.split(" ")[1].rstrip("."), "A", "203.0.113.200")


@pytest.mark.parametrize("name", NINE)
def test_pasting_a_plan_clears_exactly_its_findings(name: str, lab: Lab) -> None:
    for included in INCLUDED:
        lab.publish(included, "TXT", "v=spf1 ip4:203.0.113.192/28 ~all")
    lab.withdraw("s1._domainkey.kaisha.example", "CNAME")  # SendGrid's usual selector is taken there
    net = lab.network()
    checked = ["04_spf", "05_dkim", "06_dmarc", "10_services"]
    key = dkim.generate().record
    panel = {word: key if value == KEY else value for word, value in PANEL[name].items()}
    plan = services.plan(name, DOMAIN, net=net, panel=panel)
    build_the_services_end(lab, plan, key)
    audited = report.audit(DOMAIN, net=net, lessons=checked, progress=False)
    before = plan.findings
    assert {found.verdict for found in before if "optional" not in found.evidence} <= {Verdict.WARN, Verdict.PASS}
    assert any(found.verdict is Verdict.WARN for found in before)
    lab.paste(plan.zone_text)
    after = services.plan(name, DOMAIN, net=net, panel=panel).findings
    assert [found.subject for found in after] == [found.subject for found in before]
    assert all(found.verdict is Verdict.PASS for found in after if "optional" not in found.evidence)
    again = report.audit(DOMAIN, net=net, lessons=checked, progress=False)
    assert complaints(again) == complaints(audited), "and nothing else has changed"
    assert spf.check("192.0.2.58", f"hanako@{DOMAIN}", "smtp.kaisha.example", net=net).result == "pass"


@pytest.mark.parametrize("name", NINE)
def test_without_the_panel_s_values_nothing_unfinished_is_pasted(name: str, lab: Lab) -> None:
    for included in INCLUDED:
        lab.publish(included, "TXT", "v=spf1 ip4:203.0.113.192/28 ~all")
    plan = services.plan(name, DOMAIN, net=lab.network())
    waiting = [change for change in plan.changes if change.action is Action.WAITS]
    assert bool(waiting) == bool(PANEL[name])
    assert all("{" in change.name + change.value and change.zone_line.startswith("; waits") for change in waiting)
    assert not any("{" in record.zone_line for record in parse_paste(plan.zone_text))
    assert set(parse_paste(plan.zone_text)) == set(plan.records)
    assert "{" in plan.ticket or not waiting


def test_the_ticket_has_every_spelling(lab: Lab) -> None:
    plan = services.plan("sender.example", DOMAIN, net=lab.network())
    text = str(plan.ticket)
    assert "Name: bounce.kaisha.example (in the zone: bounce)" in text
    assert "Zone file: bounce.kaisha.example. 3600 IN CNAME return.sender.example." in text
    assert "Web form: Type CNAME | Name bounce | Value return.sender.example | TTL 3600" in text
    assert "Verify: dig +noall +answer bounce.kaisha.example CNAME" in text
    assert "Undo: delete the CNAME record of bounce.kaisha.example" in text


def test_the_command_to_verify_works_as_it_stands(lab: Lab) -> None:
    dig = shutil.which("dig")
    if dig is None:
        pytest.skip("dig is missing: apt-get install bind9-dnsutils")
    plan = services.plan("sender.example", DOMAIN, net=lab.network())
    lab.paste(plan.zone_text)
    for change in plan.changes:
        command = [dig, "@127.0.0.1", "-p", str(lab.dns_port), *change.verify.split()[1:]]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert change.value in said


def test_a_subdomain_s_names_are_relative_to_the_zone(lab: Lab) -> None:
    plan = services.plan("Resend", "news.kaisha.example", net=lab.network(), panel=PANEL["Resend"])
    assert plan.zone == "kaisha.example"
    assert {change.relative for change in plan.changes} == {"send.news", "resend._domainkey.news"}


def test_the_spf_record_that_is_there_is_kept_and_its_end_stays_last(lab: Lab) -> None:
    lab.publish("_spf.elasticemail.com", "TXT", "v=spf1 ip4:203.0.113.192/28 ~all")
    plan = services.plan("Elastic Email", DOMAIN, net=lab.network())
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.action is Action.REPLACE
    assert change.value == "v=spf1 mx a:smtp.kaisha.example include:_spf.elasticemail.com -all"
    assert change.undo.endswith('"v=spf1 mx a:smtp.kaisha.example -all"')


def spf_of(records: dict[str, dict[str, list[str]]], name: str = "Elastic Email") -> services.DnsChange:
    """The SPF part of a plan for d.org, in a world of *records*."""
    common: dict[str, dict[str, list[str]]] = {
        "_spf.elasticemail.com": {"TXT": ["v=spf1 ip4:192.0.2.32/28 ~all"]},
        "_dmarc.d.org": {"TXT": ["v=DMARC1; p=none"]},
    }
    with dns_world({**common, **records}, timeout=20.0) as net:
        plan = services.plan(name, "d.org", net=net)
    return next(change for change in plan.changes if change.part == "spf")


def test_no_record_yet_lets_the_own_servers_send_too() -> None:
    change = spf_of({"d.org": {"MX": ["10 mx.d.org."]}, "mx.d.org": {"A": ["192.0.2.1"]}})
    assert (change.action, change.value) == (Action.ADD, "v=spf1 mx include:_spf.elasticemail.com ~all")
    change = spf_of({"d.org": {"A": ["192.0.2.1"]}, "_dmarc.d.org": {"TXT": ["v=DMARC1; p=none"]}})
    assert change.value.startswith("v=spf1") and "include:_spf.elasticemail.com" in change.value


def test_a_record_with_the_term_is_left_alone() -> None:
    change = spf_of({"d.org": {"TXT": ["v=spf1 +INCLUDE:_spf.elasticemail.com -all"]}})
    assert change.action is Action.THERE


def test_an_eleventh_lookup_is_not_offered() -> None:
    hosts = {f"h{n}.d.org": {"A": [f"192.0.2.{n}"]} for n in range(10)}
    full = " ".join(f"a:{host}" for host in hosts)
    change = spf_of({"d.org": {"TXT": [f"v=spf1 {full} -all"]}, **hosts})
    assert change.action is Action.BLOCKED
    assert "11 lookups" in change.note and "subdomain" in change.note
    assert change.zone_line.startswith(";")


def test_a_tenth_lookup_is_offered() -> None:
    hosts = {f"h{n}.d.org": {"A": [f"192.0.2.{n}"]} for n in range(9)}
    full = " ".join(f"a:{host}" for host in hosts)
    assert spf_of({"d.org": {"TXT": [f"v=spf1 {full} -all"]}, **hosts}).action is Action.REPLACE


def test_a_redirect_is_kept() -> None:
    change = spf_of(
        {"d.org": {"TXT": ["v=spf1 redirect=_r.d.org"]}, "_r.d.org": {"TXT": ["v=spf1 ip4:192.0.2.9 -all"]}}
    )
    assert change.action is Action.REPLACE
    assert "include:_spf.elasticemail.com" in change.value and "_r.d.org" in change.value


@pytest.mark.parametrize(
    ("texts", "word"),
    [(["v=spf1 a -all", "v=spf1 mx -all"], "several"), (["v=spf1 nonsense -all"], "cannot be merged")],
)
def test_a_broken_record_is_mended_first(texts: list[str], word: str) -> None:
    change = spf_of({"d.org": {"TXT": texts, "A": ["192.0.2.1"]}})
    assert change.action is Action.BLOCKED and word in change.note


def test_an_include_without_a_record_is_not_offered(lab: Lab) -> None:
    plan = services.plan("Elastic Email", DOMAIN, net=lab.network())
    (change,) = [change for change in plan.changes if change.part == "spf"]
    assert change.action is Action.BLOCKED and "_spf.elasticemail.com" in change.note


@pytest.mark.parametrize(
    ("records", "part", "action"),
    [
        ({"pm-bounces.d.org": {"A": ["192.0.2.1"]}}, "return path", Action.CONFLICT),
        ({"pm-bounces.d.org": {"CNAME": ["other.org."]}}, "return path", Action.CONFLICT),
        ({"pm-bounces.d.org": {"CNAME": ["PM.mtasv.net."]}}, "return path", Action.THERE),
        ({"20261101pm._domainkey.d.org": {"TXT": ["v=DKIM1; p=AAAA"]}}, "dkim", Action.CONFLICT),
        ({"20261101pm._domainkey.d.org": {"TXT": [f"v=DKIM1; k=rsa; t=s; p={KEY}"]}}, "dkim", Action.THERE),
        ({"20261101pm._domainkey.d.org": {"CNAME": ["k.other.org."]}}, "dkim", Action.CONFLICT),
        ({}, "dkim", Action.ADD),
    ],
)
def test_what_stands_at_a_name_already_is_respected(
    records: dict[str, dict[str, list[str]]], part: str, action: Action
) -> None:
    with dns_world({"d.org": {"A": ["192.0.2.1"]}, **records}, timeout=20.0) as net:
        plan = services.plan("Postmark", "d.org", net=net, panel=PANEL["Postmark"])
    (change,) = [change for change in plan.changes if change.part == part]
    assert change.action is action
    assert bool(change.note) == (action is Action.CONFLICT)


def test_a_dmarc_record_of_the_parent_is_enough() -> None:
    with dns_world(
        {"_dmarc.d.org": {"TXT": ["v=DMARC1; p=reject"]}, "n.d.org": {"A": ["192.0.2.1"]}}, timeout=20.0
    ) as net:
        plan = services.plan("Brevo", "n.d.org", net=net)
    (change,) = [change for change in plan.changes if change.part == "dmarc"]
    assert change.action is Action.THERE and "_dmarc.d.org" in change.note


def test_a_domain_s_own_mx_is_never_replaced() -> None:
    with dns_world({"mg.d.org": {"MX": ["10 mx.d.org."]}, "mx.d.org": {"A": ["192.0.2.1"]}}, timeout=20.0) as net:
        plan = services.plan("Mailgun", "d.org", net=net, panel=PANEL["Mailgun"])
        ses = services.plan("SES", "d.org", net=net, panel={**PANEL["Amazon SES"], "mail_from": "mg"})
    assert {c.action for c in plan.changes if c.rdtype == "MX"} == {Action.CONFLICT}
    assert {c.action for c in ses.changes if c.rdtype == "MX"} == {Action.CONFLICT}


def test_a_silent_resolver_leaves_everything_unknown() -> None:
    net = Network("internet", "here", (("127.0.0.1", 9),), timeout=0.2)
    plan = services.plan("Postmark", "d.org", net=net, panel=PANEL["Postmark"])
    assert {change.action for change in plan.changes} == {Action.UNKNOWN}
    assert {found.verdict for found in plan.findings} == {Verdict.UNKNOWN}
    assert plan.records == ()


@pytest.mark.parametrize(
    ("name", "domain", "panel", "word"),
    [
        ("Mailjet", DOMAIN, None, "there are"),
        ("Brevo", "a b", None, "domain name"),
        ("Brevo", DOMAIN, {"number": "7"}, "takes no"),
        ("SMTP2GO", DOMAIN, {"number": ""}, "copied from"),
        ("SMTP2GO", DOMAIN, {"number": "1\n2 IN A 192.0.2.1"}, "characters"),
        ("Resend", DOMAIN, {"key": "x" * 3000}, "copied from"),
    ],
)
def test_bad_arguments_say_what_to_pass(
    name: str, domain: str, panel: dict[str, str] | None, word: str, lab: Lab
) -> None:
    with pytest.raises(ValueError, match=word):
        services.plan(name, domain, net=lab.network(), panel=panel)


def test_a_key_may_be_pasted_with_all_that_stands_around_it(lab: Lab) -> None:
    net = lab.network()
    plans = [
        services.plan("Resend", DOMAIN, net=net, panel={"key": text, "region": "eu-west-1"})
        for text in (KEY, f'"v=DKIM1; k=rsa; p={KEY[:100]}" "{KEY[100:]}"', f"p={KEY};")
    ]
    assert len({plan.changes for plan in plans}) == 1


# --- doors ------------------------------------------------------------------------------------------------------


def test_each_door_of_a_service_is_dialled_as_it_is(lab: Lab) -> None:
    rows = services.probe("sender.example", net=lab.network("home"))
    assert [(row.port, row.outcome) for row in rows] == [(p, Outcome.OPEN) for p in (587, 2525, 465)]
    assert "Take 465." in services.ports_in_words(rows)


def reached(name: str, outcomes: dict[int, Outcome], stage: Stage = Stage.EHLO) -> Rows[Reach]:
    """What a probe returns for the usual host of *name*."""
    host = services.service(name).hosts[0]
    rows = [Reach("here", host, "192.0.2.1", port, outcome, stage, "", "") for port, outcome in outcomes.items()]
    return Rows(Reach, rows, caption="")


OPEN = Outcome.OPEN


@pytest.mark.parametrize(
    ("name", "closed", "take"),
    [
        *((name, (), "587, and insist on STARTTLS" if name == "Postmark" else "465") for name in NINE),
        ("Amazon SES", (465,), "2465"),
        ("SMTP2GO", (465,), "8465"),
        ("SMTP2GO", (465, 8465, 443), "587, and insist on STARTTLS"),
        ("Mailgun", (465, 587), "2525, and insist on STARTTLS"),
        ("Mailgun", (465, 587, 2525), "25, and insist on STARTTLS"),
    ],
)
def test_of_the_ports_that_open_the_one_to_take_is_named(name: str, closed: tuple[int, ...], take: str) -> None:
    ports = {port: OPEN for port, _ in services.service(name).ports if port not in closed}
    assert services.ports_in_words(reached(name, ports)).endswith(f"Take {take}.")


def test_a_door_that_was_reached_and_is_of_no_use_is_not_called_closed() -> None:
    said = services.ports_in_words(reached("Mailgun", {587: OPEN, 465: Outcome.TLS_FAILURE, 25: Outcome.INTERCEPTED}))
    assert "Reached, and of no use: 465 (tls_failure), 25 (intercepted)" in said and "Not reached" not in said
    nothing = services.ports_in_words(reached("Mailgun", {587: Outcome.TIMEOUT}, Stage.CONNECT))
    assert "Not reached: 587 (timeout)" in nothing and "HTTPS" in nothing


def test_where_every_port_is_closed_the_https_interface_is_left() -> None:
    closed = dict.fromkeys((port for port, _ in services.service("Brevo").ports), Outcome.TIMEOUT)
    assert "HTTPS" in services.ports_in_words(reached("Brevo", closed, Stage.CONNECT))


def test_without_the_dns_no_port_is_called_closed(lab: Lab) -> None:
    rows = services.probe("sender.example", net=lab.network("offline"))
    assert {row.outcome for row in rows} == {Outcome.DNS_FAILURE}
    assert "nothing can be said" in services.ports_in_words(rows) and "HTTPS" not in services.ports_in_words(rows)


def test_a_service_that_is_not_here_is_not_reached(lab: Lab) -> None:
    rows = services.probe("Brevo", net=lab.network())
    assert {row.outcome for row in rows} == {Outcome.DNS_FAILURE}
    with pytest.raises(ValueError, match=re.escape("smtp-relay.brevo.com")):
        services.probe("Brevo", net=lab.network(), host="smtp.kaisha.example")


# --- complaints -------------------------------------------------------------------------------------------------

ARF = (
    b"From: f@isp.example\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: message/feedback-report\r\n\r\n%s\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: offer\r\nMessage-ID: <1@d.org>\r\n\r\nbody\r\n--b--\r\n"
)


def test_a_complaint_is_read() -> None:
    about = (
        b"Feedback-Type: abuse\r\nUser-Agent: X/1\r\nVersion: 1\r\nSource-IP: 192.0.2.1\r\nReported-Domain: d.org\r\n"
    )
    found = services.read_complaint(ARF % about)
    assert (found.feedback_type, found.source_ip, found.domain) == ("abuse", "192.0.2.1", "d.org")
    assert (found.about, found.subject) == ("<1@d.org>", "offer")
    assert "off the list" in found.advice


@pytest.mark.parametrize("kind", ["fraud", "virus", "other", "not-spam", "", "<script>", "a" * 5000])
def test_any_type_of_complaint_is_bounded_and_has_advice(kind: str) -> None:
    found = services.read_complaint(ARF % f"Feedback-Type: {kind}\r\nSource-IP: {'1' * 9999}\r\n".encode())
    assert len(found.feedback_type) <= 300 and len(found.source_ip) <= 300 and found.advice


@pytest.mark.parametrize(
    "message",
    [b"", b"hello", b"Subject: x\r\n\r\ny", ARF.replace(b"feedback-report\r\n\r\n", b"other\r\n\r\n"),
     b"Content-Type: multipart/report; boundary=b\r\n\r\nno parts", b"\xff\xfe" * 100,
     b"Content-Type: multipart/report; boundary=b\r\n\r\n"
     + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 300],
)  # fmt: skip
def test_what_is_no_complaint_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="report"):
        services.read_complaint(message)
    with pytest.raises(TypeError):
        services.read_complaint("text")  # type: ignore[arg-type]
