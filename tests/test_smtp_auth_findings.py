"""What lesson 02 reports of a domain: whose door it is, how it was found, and what was not seen."""

from __future__ import annotations

import pytest
from support_smtp_server import Conversation, scripted

from mailkit import smtp_auth, tls
from mailkit.lab import Lab
from mailkit.lab.attacks.careless import deaf_server
from mailkit.network import Network
from mailkit.network.endpoints import Found, LeftOut
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict
from mailkit.smtp_auth.findings import judge
from mailkit.smtp_auth.servers import SmtpServer

DOMAIN = "shop.kaisha.example"


def of(check: str, found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.check == check]


def blames(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.verdict in (Verdict.WARN, Verdict.FAIL)]


def address_of(lab: Lab, host: str) -> str:
    return lab.network().addresses(host)[0]


def test_an_announced_port_that_is_closed_is_warned_of(lab: Lab) -> None:
    """Case P3: the SRV record says 587, and nothing listens there."""
    lab.publish(f"smtp.{DOMAIN}", "A", address_of(lab, "mx.kaisha.example"))
    lab.publish(f"_submission._tcp.{DOMAIN}", "SRV", f"0 0 587 smtp.{DOMAIN}.")
    (finding,) = blames(of("submission", smtp_auth.findings(DOMAIN, net=lab.network())))
    assert (finding.verdict, finding.subject) == (Verdict.WARN, f"smtp.{DOMAIN}:587")
    assert "announced, and refused" in finding.evidence
    (door,) = [f for f in tls.findings(DOMAIN, net=lab.network()) if f.subject == f"smtp.{DOMAIN}:587"]
    assert door.verdict is Verdict.WARN and "announces this port" in door.advice


def test_a_guessed_port_that_is_closed_is_nothing(lab: Lab) -> None:
    lab.publish(f"smtp.{DOMAIN}", "A", address_of(lab, "mx.kaisha.example"))
    found = smtp_auth.findings(DOMAIN, net=lab.network()) + tls.findings(DOMAIN, net=lab.network())
    assert not blames(found)
    (finding,) = of("submission", found)
    assert finding.verdict is Verdict.INFO and "refused at" in finding.evidence


def test_an_srv_record_that_leads_to_no_address_is_a_fault(lab: Lab) -> None:
    """Case P4: not "cannot be seen from here"."""
    lab.publish(f"_submissions._tcp.{DOMAIN}", "SRV", "0 0 465 gone.mistakes.example.")
    found = smtp_auth.findings(DOMAIN, net=lab.network())
    (finding,) = of("SRV record for submission", found)
    assert finding.verdict is Verdict.FAIL and finding.subject == "gone.mistakes.example"
    assert "SRV _submissions" in finding.evidence and not finding.fix


def test_an_srv_record_for_reading_that_leads_to_no_address_is_a_fault(lab: Lab) -> None:
    """Case P4, for 993: lesson 03 reports it."""
    lab.publish(f"_imaps._tcp.{DOMAIN}", "SRV", "0 0 993 gone.mistakes.example.")
    (finding,) = of("SRV record", tls.findings(DOMAIN, net=lab.network()))
    assert finding.verdict is Verdict.FAIL and finding.subject == "gone.mistakes.example"


def test_a_parked_domain_has_nothing_to_mend_and_nothing_unknown(lab: Lab) -> None:
    """A null MX, and a wildcard to somebody's web server."""
    lab.publish(DOMAIN, "MX", "0 .")
    lab.publish(DOMAIN, "A", address_of(lab, "wrong-name.mistakes.example"))
    found = smtp_auth.findings(DOMAIN, net=lab.network()) + tls.findings(DOMAIN, net=lab.network())
    assert {finding.verdict for finding in found} == {Verdict.INFO}


def test_a_dead_resolver_leaves_everything_unknown(lab: Lab) -> None:
    net = lab.network("offline")
    found = smtp_auth.findings("kaisha.example", net=net) + tls.findings("kaisha.example", net=net)
    assert found and {finding.verdict for finding in found} == {Verdict.UNKNOWN}


@pytest.mark.parametrize("announced", [True, False])
def test_587_without_auth_is_named_beside_465_with_it(lab: Lab, announced: bool) -> None:
    """Case P5; under a usual name it is described and not blamed."""

    def door(port: int, after: str) -> SmtpServer:
        found = Found.ANNOUNCED if announced else Found.GUESSED
        return SmtpServer(
            f"smtp.{DOMAIN}",
            port,
            "submission",
            "SRV",
            Outcome.OPEN,
            Stage.EHLO,
            "STARTTLS",
            "none",
            after,
            found=found,
        )

    found = judge(DOMAIN, Rows(SmtpServer, [door(587, "none"), door(465, "PLAIN")]), Rows(LeftOut, ()))
    about = {finding.subject: finding.verdict for finding in of("submission", found)}
    assert about == {DOMAIN: Verdict.PASS, f"smtp.{DOMAIN}:587": Verdict.WARN if announced else Verdict.INFO}


def test_the_report_says_when_commands_are_carried_over_into_tls(lab: Lab) -> None:
    """Case P6: for the domain's own announced servers."""
    host = "old.mistakes.example"
    lab.publish("mistakes.example", "MX", f"10 {host}.")
    with deaf_server(lab, host):
        (finding,) = of("command injection", tls.findings("mistakes.example", net=lab.network()))
    assert (finding.verdict, finding.subject) == (Verdict.FAIL, f"{host}:25") and "CVE-2011-0411" in finding.reference
    assert of("command injection", tls.findings("kaisha.example", net=lab.network())) == []


def test_what_belongs_to_a_provider_is_not_blamed_on_the_domain(lab: Lab) -> None:
    """Case P9: SRV leads to a provider that has 587 only, and offers AUTH before TLS."""
    lab.publish(f"_submission._tcp.{DOMAIN}", "SRV", "0 0 587 smtp.mistakes.example.")
    found = smtp_auth.findings(DOMAIN, net=lab.network())
    assert not blames(found) and not any(finding.fix for finding in found)
    assert of("submission on 465", found) == []
    (finding,) = of("AUTH before TLS", found)
    assert finding.verdict is Verdict.INFO and "provider" in finding.advice


def test_a_wildcard_to_a_shared_host_fails_nothing(lab: Lab) -> None:
    """Case P10: every usual name leads to a host that shows its own certificate."""
    shared = address_of(lab, "wrong-name.mistakes.example")
    for name in ("smtp", "mail", "imap", "pop", "pop3", "submission"):
        lab.publish(f"{name}.{DOMAIN}", "A", shared)
    net = lab.network()
    assert not blames(smtp_auth.findings(DOMAIN, net=net) + tls.findings(DOMAIN, net=net))


def test_a_provider_that_refuses_submission_is_not_asked_about(lab: Lab) -> None:
    """Case P14: no submission server of its own, and an MX of somebody else."""
    lab.publish(DOMAIN, "MX", "10 mx1.bigmail.example.")
    (finding,) = of("submission", smtp_auth.findings(DOMAIN, net=lab.network()))
    assert finding.verdict is Verdict.INFO and "another network" not in finding.advice


def test_a_service_that_the_domain_says_it_has_not_is_said_so(lab: Lab) -> None:
    for service in ("_submission", "_submissions"):
        lab.publish(f"{service}._tcp.{DOMAIN}", "SRV", "0 0 0 .")
    (finding,) = of("submission", smtp_auth.findings(DOMAIN, net=lab.network()))
    assert finding.verdict is Verdict.INFO and "it has none" in finding.evidence


def greets_with_554(c: Conversation) -> None:
    c.say("554 5.7.1 your address is listed")
    c.hear()


def offers_broken_tls(c: Conversation) -> None:
    c.ehlo("STARTTLS")
    c.hear()
    c.say("454 4.7.0 TLS not available")
    c.hear()


@pytest.mark.parametrize(
    ("script", "words"),
    [(greets_with_554, "your address is listed"), (offers_broken_tls, "454 4.7.0 TLS not available")],
)
def test_what_was_not_seen_is_unknown_in_the_servers_words(net: Network, script: object, words: str) -> None:
    """Cases P11 and N20."""
    with scripted(script, net) as fake:  # type: ignore[arg-type]
        found = smtp_auth.findings("kaisha.example", net=fake)
    about = of("submission", found)
    assert about and {finding.verdict for finding in about} == {Verdict.UNKNOWN}
    assert any(words in finding.evidence for finding in about)
    assert not blames(found)


@pytest.fixture
def net(lab: Lab) -> Network:
    return lab.network()
