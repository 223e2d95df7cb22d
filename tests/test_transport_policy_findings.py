"""What lesson 07 says of a domain in a report, and what it offers to publish: both tried in the practice internet."""

from __future__ import annotations

import pytest
from support_dns import dns_parts, dns_world, failing, keeping_out, without_validation

from mailkit.lab.core import Lab
from mailkit.network import Network, parse_paste
from mailkit.results import Finding
from mailkit.transport_policy import findings, mta_sts, plan, tls_rpt
from mailkit.transport_policy.mta_sts_policy import parse

DOMAIN, MX = "kaisha.example", "mx.kaisha.example"
POLICY = "version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: {}\r\n"


def found(lab: Lab, domain: str = DOMAIN) -> dict[str, Finding]:
    listed = findings(domain, net=patient(lab))
    assert all(one.lesson == "07_transport_policy" and one.reference for one in listed)
    return {one.check: one for one in listed}


def patient(lab: Lab) -> Network:
    from dataclasses import replace

    return replace(lab.network(), timeout=20.0)


def test_a_well_run_domain_passes(lab: Lab) -> None:
    assert {check: str(one.verdict) for check, one in found(lab).items()} == {
        "MTA-STS": "pass", "MTA-STS certificate": "pass", "TLS-RPT": "pass", "DANE": "pass",
    }  # fmt: skip


def test_to_have_no_policy_is_no_fault(lab: Lab) -> None:
    verdicts = {check: str(one.verdict) for check, one in found(lab, "isp.example").items()}
    assert verdicts == {"MTA-STS": "info", "TLS-RPT": "info", "DANE": "info"}
    (only,) = findings("example.com", net=patient(lab))
    assert (only.verdict, only.evidence) == ("info", "the domain takes no mail")


def test_a_policy_in_testing_blames_less(lab: Lab) -> None:
    assert found(lab, "bigmail.example")["MTA-STS"].verdict == "info"
    lab.publish_policy(DOMAIN, POLICY.format("testing", "other.kaisha.example", 86400))
    assert found(lab)["MTA-STS hosts"].verdict == "warn"
    lab.publish_policy(DOMAIN, POLICY.format("enforce", "other.kaisha.example", 86400))
    assert found(lab)["MTA-STS hosts"].verdict == "fail"
    lab.publish_policy(DOMAIN, POLICY.format("enforce", MX, 3600))
    assert found(lab)["MTA-STS"].verdict == "warn"
    lab.publish_policy(DOMAIN, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n")
    assert found(lab)["MTA-STS"].evidence.startswith("mode none")


@pytest.mark.parametrize(
    "domain", ["mistakes.example", "redirect.mistakes.example", "html.mistakes.example", "syntax.mistakes.example"]
)
def test_a_policy_that_is_announced_and_cannot_be_had_is_a_fault(lab: Lab, domain: str) -> None:
    broken = found(lab, domain)["MTA-STS"]
    assert broken.verdict == "fail" and broken.fix == ""


def test_a_broken_record_before_a_good_policy_gets_one_that_works(lab: Lab) -> None:
    broken = found(lab, "hyphen.mistakes.example")["MTA-STS"]
    assert broken.verdict == "fail"
    trial = patient(lab).overlay(parse_paste(broken.fix))
    assert mta_sts("hyphen.mistakes.example", net=trial).valid is True


def test_reports_matter_more_where_there_is_a_policy(lab: Lab) -> None:
    wrong = found(lab, "mistakes.example")["TLS-RPT"]
    assert wrong.verdict == "warn"
    assert tls_rpt("mistakes.example", net=patient(lab).overlay(parse_paste(wrong.fix))).valid
    lab.withdraw(f"_smtp._tls.{DOMAIN}", "TXT")
    assert found(lab)["TLS-RPT"].verdict == "warn"


def test_a_certificate_without_its_record(lab: Lab) -> None:
    lab.renew_certificate(MX)
    seen = found(lab)
    assert (seen["DANE"].verdict, seen["MTA-STS certificate"].verdict) == ("fail", "pass")
    assert "is not the one in the DNS" in seen["DANE"].evidence


def test_records_that_do_not_count_and_signatures_that_do_not_hold(lab: Lab) -> None:
    lab.publish(f"_25._tcp.{MX}", "TLSA", f"1 1 1 {'ab' * 32}")
    assert found(lab)["DANE"].verdict == "warn"
    lab.publish(DOMAIN, "DS", f"12345 13 2 {'00' * 32}")
    lab.resolver.flush()
    assert found(lab)["DANE"].verdict == "fail"


def test_a_certificate_that_nobody_trusts_under_an_enforced_policy(lab: Lab) -> None:
    from mailkit.lab import ca

    lab.renew_certificate(MX, ca.issue(lab.world, MX, "self_signed"))
    assert found(lab)["MTA-STS certificate"].verdict == "fail"


def test_what_cannot_be_seen_is_unknown(lab: Lab) -> None:
    listed = {one.check: one for one in findings(DOMAIN, net=lab.network("home"))}
    assert listed["MTA-STS"].verdict == "pass"
    assert (listed["MTA-STS certificate"].verdict, listed["DANE"].verdict) == ("unknown", "unknown")
    (only,) = findings(DOMAIN, net=lab.network("offline"))
    assert only.verdict == "unknown"


def test_somebody_elses_server_is_not_blamed(lab: Lab) -> None:
    lab.publish("isp.example", "MX", f"10 {MX}")
    lab.renew_certificate(MX)
    seen = found(lab, "isp.example")["DANE"]
    assert seen.verdict == "info" and "not the domain's own" in seen.advice


def test_what_cannot_be_validated_makes_no_policy(lab: Lab) -> None:
    listed = {one.check: one for one in findings("isp.example", net=without_validation(patient(lab)))}
    assert (listed["DANE"].verdict, listed["TLS-RPT"].verdict) == ("unknown", "info")
    assert "trust anchor" in listed["DANE"].advice
    listed = {one.check: one for one in findings("isp.example", net=failing(patient(lab), "A"))}
    assert (listed["DANE"].verdict, listed["TLS-RPT"].verdict) == ("unknown", "info")
    assert "cannot be asked for" in listed["DANE"].evidence and "trust anchor" not in listed["DANE"].advice


@pytest.mark.parametrize(
    ("mx", "verdict", "evidence"),
    [
        (["10 192.0.2.25."], "info", "the MX names no host: 192.0.2.25"),
        (["10 mx_1.a.example.", "20 192.0.2.25."], "info", "the MX names no host: mx_1.a.example, 192.0.2.25"),
        (["0 ."], "info", "the domain takes no mail"),
        ([], "info", "the domain takes no mail"),
    ],
)
def test_an_mx_without_a_host_leaves_nothing_to_protect(mx: list[str], verdict: str, evidence: str) -> None:
    with dns_world({"a.example": {"TXT": ["x"]} | ({"MX": mx} if mx else {})}) as net:
        (only,) = findings("a.example", net=net)
        assert (only.verdict, only.evidence) == (verdict, evidence)
        (only,) = findings("a.example", net=failing(net, "MX"))
        assert (only.verdict, only.evidence) == ("unknown", "the MX cannot be had: the name server fails")


MANY = {"many.example": {"MX": [f"{n} mx{n}.many.example." for n in range(30)]}}


def test_more_mail_servers_than_are_looked_at_are_said(lab: Lab) -> None:
    with dns_world(MANY, zones=["many.example"]) as net:
        listed = findings("many.example", net=net)
    assert sum(one.check == "DANE" for one in listed) == 20
    (cut,) = [one for one in listed if one.check == "other mail servers"]
    assert cut.verdict == "unknown" and cut.evidence.startswith("of 30 mail servers") and cut.advice
    lab.publish(DOMAIN, "MX", f"10 {MX}", *(f"20 mx{n}.kaisha.example" for n in range(30)))
    (missing,) = [one for one in findings(DOMAIN, net=patient(lab)) if one.check == "MTA-STS hosts"]
    assert missing.verdict == "fail" and missing.evidence.endswith("mx12.kaisha.example and 25 more")


def test_advice_names_the_domain_that_was_asked_about(lab: Lab) -> None:
    lab.publish(f"_25._tcp.{MX}", "TLSA", f"1 1 1 {'ab' * 32}")
    prepared = {d: [one for one in findings(d, net=patient(lab)) if "plan(" in one.advice]
                for d in (DOMAIN, "isp.example", "redirect.mistakes.example")}  # fmt: skip
    assert all(prepared.values())
    for domain, found in prepared.items():
        assert all(f'transport_policy.plan("{domain}", net=net)' in one.advice for one in found)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254"])
def test_a_domain_does_not_steer_us_to_our_own_machine(address: str) -> None:
    records = {
        "a.example": {"MX": ["10 mx.a.example."]},
        "mx.a.example": {"A": ["192.0.2.25", address]},
        "_25._tcp.mx.a.example": {"TLSA": [f"3 1 1 {'ab' * 32}"]},
        "_mta-sts.a.example": {"TXT": ["v=STSv1; id=1"]},
        "mta-sts.a.example": {"A": [address]},
    }
    with dns_world(records, zones=["a.example"]) as net:
        listed = {one.check: one for one in findings("a.example", net=keeping_out(net))}
        offered = plan("a.example", net=keeping_out(net))
    assert {listed[check].verdict for check in ("MTA-STS", "DANE")} == {"unknown"}
    assert all(f"it leads to {address}, which is no public address" in listed[check].evidence
               for check in ("MTA-STS", "DANE"))  # fmt: skip
    assert [record.rdtype for record in offered.records] == ["TXT", "TXT"]
    assert any("no TLSA record for mx.a.example" in note and address in note for note in offered.notes)


# What to publish


def test_a_plan_names_every_mail_server(lab: Lab) -> None:
    with dns_world(MANY, zones=["many.example"]) as net:
        offered = plan("many.example", net=net)
    assert len(parse(offered.policy.encode()).mx) == 30
    assert "TLSA records were prepared for the first 20 of 30 mail servers only" in offered.notes
    hundreds = {"many.example": {"MX": [f"{n} mx{n}.many.example." for n in range(101)]}}
    with dns_world(hundreds, zones=["many.example"]) as net, pytest.raises(ValueError, match="101 mail servers"):
        plan("many.example", net=net)


def test_a_plan_says_when_the_policy_in_force_could_not_be_seen(lab: Lab) -> None:
    lab.publish_policy(DOMAIN, "x", status=503)
    notes = plan(DOMAIN, net=patient(lab)).notes
    assert "it answers 503" in notes[0] and "if it is enforced, keep mode enforce" in notes[0]
    assert not any("needs a web server" in note for note in notes)


def test_a_plan_takes_no_key_from_who_answers_for_everyone(lab: Lab) -> None:
    from dataclasses import replace

    offered = plan("cloud.example", net=replace(lab.network("intercepted"), timeout=20.0))
    assert not [record for record in offered.records if record.rdtype == "TLSA"]
    assert any("someone on the way answers for everyone" in note for note in offered.notes)


def test_a_plan_warns_of_a_key_that_nobody_vouches_for(lab: Lab) -> None:
    from mailkit.lab import ca

    assert not any("compare it" in note for note in plan("cloud.example", net=patient(lab)).notes)
    lab.renew_certificate("mail.cloud.example", ca.issue(lab.world, "mail.cloud.example", "self_signed"))
    (note,) = [note for note in plan("cloud.example", net=patient(lab)).notes if "compare it" in note]
    assert "its certificate is self-signed" in note


def test_a_plan_says_when_nobody_here_can_validate(lab: Lab) -> None:
    offered = plan("cloud.example", net=without_validation(patient(lab)))
    assert [record.rdtype for record in offered.records] == ["TXT", "TXT"]
    assert any(n.startswith("no TLSA record for mail.cloud.example: DNSSEC: whether") for n in offered.notes)


def test_a_plan_says_which_names_no_policy_can_have(lab: Lab) -> None:
    lab.publish(DOMAIN, "MX", f"10 {MX}", "20 mx_2.kaisha.example", "30 192.0.2.26")
    notes = [note for note in plan(DOMAIN, net=patient(lab)).notes if "stands in the MX" in note]
    assert [note.split(" ")[0] for note in notes] == ["mx_2.kaisha.example", "192.0.2.26"]
    with dns_world({"a.example": {"MX": ["10 192.0.2.25."]}}) as net, pytest.raises(ValueError, match="names no host"):
        plan("a.example", net=net)


def test_a_plan_for_a_domain_that_has_nothing(lab: Lab) -> None:
    net = patient(lab)
    offered = plan("cloud.example", net=net)
    assert offered.url == "https://mta-sts.cloud.example/.well-known/mta-sts.txt"
    assert sorted(record.name.split(".")[0] for record in offered.records) == ["_25", "_mta-sts", "_smtp"]
    lab.publish_policy("cloud.example", offered.policy)
    lab.publish("mta-sts.cloud.example", "A", "192.0.2.81")
    for record in parse_paste(offered.zone):
        lab.publish(record.name, record.rdtype, record.value)
    verdicts = {check: str(one.verdict) for check, one in found(lab, "cloud.example").items()}
    assert verdicts == {"MTA-STS": "info", "MTA-STS certificate": "pass", "TLS-RPT": "pass", "DANE": "pass"}
    again = plan("cloud.example", net=patient(lab))
    assert again.records == () and parse(again.policy.encode()).mode == "testing"


def test_a_plan_leaves_alone_what_works(lab: Lab) -> None:
    offered = plan(DOMAIN, net=patient(lab))
    assert offered.records == () and parse(offered.policy.encode()).mode == "enforce"


def test_a_plan_keeps_an_enforced_policy_enforced_and_an_old_tlsa_record(lab: Lab) -> None:
    lab.publish(DOMAIN, "MX", f"10 {MX}", "20 mx.example.net")
    lab.renew_certificate(MX)
    offered = plan(DOMAIN, net=patient(lab))
    file = parse(offered.policy.encode())
    assert (file.mode, file.mx) == ("enforce", (MX, "mx.example.net"))
    tlsa = [record for record in offered.records if record.rdtype == "TLSA"]
    assert len(tlsa) == 2 and {record.name for record in tlsa} == {f"_25._tcp.{MX}"}
    assert any("mx.example.net is its operator's" in note for note in offered.notes)


def test_a_plan_needs_a_domain_that_takes_mail(lab: Lab) -> None:
    with pytest.raises(ValueError, match="takes no mail that a policy could protect: its MX is null"):
        plan("example.com", net=patient(lab))
    with pytest.raises(ValueError, match="e-mail address"):
        plan("taro@kaisha.example", net=patient(lab))
    with dns_parts({"x.example": {"TXT": ["x"]}}) as world, pytest.raises(ValueError, match="takes no mail"):
        plan("x.example", net=world.net)
