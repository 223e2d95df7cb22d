"""A service and a cloud in the practice internet: misaligned, then aligned; bounces, complaints, a reverse name."""

from __future__ import annotations

import pytest
from support_dns import dns_world

from mailkit import op25b, report, services
from mailkit.clients import Sent, send
from mailkit.figures import services as figures
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome, Verdict

DOMAIN, ALICE, MACHINE = "kaisha.example", "alice@bigmail.example", "203.0.113.77"
NEWS = (
    b"From: Hanako <hanako@kaisha.example>\r\nTo: alice@bigmail.example\r\nSubject: News\r\n"
    b"List-Unsubscribe: <https://www.kaisha.example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"\r\nHello.\r\n"
)
LETTER = b"From: Hanako <hanako@kaisha.example>\r\nTo: %s\r\nSubject: Hello\r\n\r\nHello.\r\n"


def through_the_service(lab: Lab, message: bytes, recipient: str = ALICE) -> Sent:
    account = lab.account("shop@sender.example")
    sent = send(
        "relay.sender.example", 587, message, sender=account.user, recipients=[recipient], net=lab.network(),
        credentials=account,
    )  # fmt: skip
    lab.settle()
    return sent


def set_up(lab: Lab) -> None:
    lab.paste(services.plan("sender.example", DOMAIN, net=lab.network()).zone_text)


def test_before_the_set_up_everything_carries_the_services_name(lab: Lab) -> None:
    assert through_the_service(lab, LETTER % ALICE.encode()).outcome is Outcome.OPEN
    (mail,) = lab.inbox(ALICE, "Junk")
    assert mail.envelope_sender == "<bounces@sender.example>"
    assert b"dkim=pass header.d=sender.example" in mail.message and b"header.d=kaisha.example" not in mail.message
    assert b"spf=pass" in mail.message and b"dmarc=fail" in mail.message


def test_what_the_plan_says_aligns_it_on_both_legs(lab: Lab) -> None:
    set_up(lab)
    through_the_service(lab, LETTER % ALICE.encode())
    (mail,) = lab.inbox(ALICE)
    assert mail.envelope_sender == "<bounces@bounce.kaisha.example>"
    assert b"dkim=pass header.d=kaisha.example header.s=news" in mail.message
    assert b"spf=pass smtp.mailfrom=bounce.kaisha.example" in mail.message and b"dmarc=pass" in mail.message


@pytest.mark.parametrize("part", ["dkim", "return path"])
def test_each_leg_alone_is_enough_for_dmarc(part: str, lab: Lab) -> None:
    plan = services.plan("sender.example", DOMAIN, net=lab.network())
    lab.paste("\n".join(change.zone_line for change in plan.changes if change.part == part))
    through_the_service(lab, LETTER % ALICE.encode())
    (mail,) = lab.inbox(ALICE)
    assert b"dmarc=pass" in mail.message
    assert (b"d=kaisha.example" in mail.message) == (part == "dkim")


def test_an_alias_to_somebody_else_s_key_is_no_permission(lab: Lab) -> None:
    lab.publish("news._domainkey.kaisha.example", "CNAME", "s1._domainkey.sender.example.")
    lab.publish("bounce.kaisha.example", "CNAME", "return.bigmail.example.")
    through_the_service(lab, LETTER % ALICE.encode())
    (mail,) = lab.inbox(ALICE, "Junk")
    assert mail.envelope_sender == "<bounces@sender.example>" and b"d=kaisha.example" not in mail.message


@pytest.mark.parametrize("from_line", [b"", b"From: nobody\r\n", b"From: a@\xff\xfe\r\n", b"From: <>\r\n"])
def test_a_message_without_an_author_s_domain_goes_out_in_the_services_name(from_line: bytes, lab: Lab) -> None:
    through_the_service(lab, from_line + b"Subject: x\r\n\r\ny\r\n", "shop@sender.example")
    (mail,) = lab.inbox("shop@sender.example")
    assert mail.envelope_sender == "<bounces@sender.example>"
    assert lab.errors == []


def test_bulk_mail_is_refused_until_it_is_aligned_and_the_service_gets_the_bounce(lab: Lab) -> None:
    through_the_service(lab, NEWS)
    assert not lab.inbox(ALICE) and not lab.inbox(ALICE, "Junk")
    (bounce,) = lab.inbox("bounces@sender.example")
    assert b"5.7.26" in bounce.message
    assert report.explain_refusal(bounce.message.decode())
    set_up(lab)
    through_the_service(lab, NEWS)
    assert len(lab.inbox(ALICE)) == 1


def test_a_bounce_to_the_customer_s_return_path_reaches_the_service(lab: Lab) -> None:
    set_up(lab)
    through_the_service(lab, LETTER % b"nobody@example.org", "nobody@example.org")
    (bounce,) = lab.inbox("bounces@sender.example")
    assert b"5.1.1" in bounce.message
    sent = send(
        "relay.sender.example", 25, LETTER % b"x", sender="x@example.org", recipients=["bounces@bounce.kaisha.example"],
        net=lab.network(),
    )  # fmt: skip
    assert sent.outcome is Outcome.OPEN
    sent = send(
        "relay.sender.example", 25, LETTER % b"x", sender="x@example.org", recipients=["alice@bounce.kaisha.example"],
        net=lab.network(),
    )  # fmt: skip
    assert sent.outcome is Outcome.REJECTED, "it is no open relay"


def test_one_click_is_whole_once_the_customer_s_signature_covers_it(lab: Lab) -> None:
    set_up(lab)
    through_the_service(lab, NEWS)
    (mail,) = lab.inbox(ALICE)
    assert report.from_message(mail.message, net=lab.network()).unsubscribe.one_click is True


def test_a_complaint_reaches_the_service_and_names_nobody(lab: Lab) -> None:
    assert "nothing" in lab.complain(ALICE)
    set_up(lab)
    through_the_service(lab, NEWS)
    lab.complain(ALICE)
    (mail,) = lab.inbox("complaints@sender.example")
    found = services.read_complaint(mail.message)
    assert (found.feedback_type, found.source_ip) == ("abuse", "203.0.113.41")
    assert found.unsubscribe == "<https://www.kaisha.example/u/1>"
    assert b"alice@" not in mail.message.partition(b"\r\n\r\n")[2]


def test_who_has_not_asked_is_told_of_no_complaint(lab: Lab) -> None:
    account = lab.account("hanako@kaisha.example")
    send("smtp.kaisha.example", 587, LETTER % ALICE.encode(), sender=account.user, recipients=[ALICE],
         net=lab.network(), credentials=account)  # fmt: skip
    assert "has not asked" in lab.complain(ALICE)
    with pytest.raises(ValueError, match="no mailbox"):
        lab.complain("nobody@bigmail.example")


# --- pasting ----------------------------------------------------------------------------------------------------


def test_pasting_keeps_the_other_texts_of_a_name(lab: Lab) -> None:
    lab.paste(f'{DOMAIN}. 300 IN TXT "brevo-code:1"\n; {DOMAIN}. 300 IN TXT "not this"')
    texts = {text.decode() for text in lab.network().lookup(DOMAIN, "TXT").texts}
    assert texts == {"v=spf1 mx a:smtp.kaisha.example -all", "brevo-code:1"}
    lab.paste(f'{DOMAIN}. 300 IN TXT "v=spf1 mx -all"')
    texts = {text.decode() for text in lab.network().lookup(DOMAIN, "TXT").texts}
    assert texts == {"v=spf1 mx -all", "brevo-code:1"}


def test_pasting_takes_long_texts_and_refuses_what_is_none(lab: Lab) -> None:
    long = "v=DKIM1; p=" + "A" * 600
    pieces = " ".join(f'"{long[i : i + 255]}"' for i in range(0, len(long), 255))
    lab.paste(f"k._domainkey.{DOMAIN}. 300 IN TXT {pieces}")
    assert lab.network().lookup(f"k._domainkey.{DOMAIN}", "TXT").texts == (long.encode(),)
    assert "nothing" in lab.paste("; only a comment")
    with pytest.raises(ValueError, match="no record"):
        lab.paste("publish")


# --- the cloud --------------------------------------------------------------------------------------------------


def from_the_machine(lab: Lab) -> Sent:
    return send(
        "mx1.bigmail.example", 25, LETTER % ALICE.encode(), sender="hanako@kaisha.example", recipients=[ALICE],
        net=lab.network("cloud"),
    )  # fmt: skip


def done(lab: Lab) -> list[bool | None]:
    return [step.done for step in services.ec2_steps(MACHINE, "out.kaisha.example", net=lab.network("cloud"))]


def test_a_rented_machine_sends_once_every_step_is_done(lab: Lab) -> None:
    assert done(lab) == [None, False, False, False]
    assert from_the_machine(lab).outcome is Outcome.TIMEOUT
    lab.lift("cloud")
    assert done(lab) == [None, False, True, False]
    sent = from_the_machine(lab)
    assert (sent.outcome, "customer line" in sent.reply) == (Outcome.REJECTED, True)
    assert "Publish its A record first" in lab.set_reverse_name(MACHINE, "out.kaisha.example")
    lab.publish("out.kaisha.example", "A", MACHINE)
    assert from_the_machine(lab).outcome is Outcome.REJECTED
    lab.set_reverse_name(MACHINE, "out.kaisha.example")
    assert done(lab) == [None, True, True, True]
    assert from_the_machine(lab).outcome is Outcome.OPEN
    assert op25b.reverse(MACHINE, net=lab.network())[0].verdict is Verdict.PASS


def test_the_provider_names_only_what_it_rents_out(lab: Lab) -> None:
    assert "not an address that a provider here rents out" in lab.set_reverse_name("192.0.2.25", "mx.kaisha.example")
    lab.publish("six.kaisha.example", "A", "192.0.2.9")
    assert "it leads to 192.0.2.9" in lab.set_reverse_name(MACHINE, "six.kaisha.example")
    with pytest.raises(ValueError):
        lab.set_reverse_name("the machine", "out.kaisha.example")
    with pytest.raises(ValueError):
        lab.set_reverse_name(MACHINE, "no name")


def test_the_steps_show_the_commands_of_the_aws_cli(lab: Lab) -> None:
    steps = services.ec2_steps(MACHINE, "out.kaisha.example", net=lab.network("cloud"))
    assert "aws ec2 modify-address-attribute --allocation-id" in steps[3].how
    assert steps[3].how.endswith("--domain-name out.kaisha.example")
    assert steps[1].how == "out.kaisha.example. 300 IN A 203.0.113.77"
    with pytest.raises(ValueError, match="IP address"):
        services.ec2_steps("cloud", "out.kaisha.example", net=lab.network())


def test_without_the_dns_no_step_is_called_missing(lab: Lab) -> None:
    steps = services.ec2_steps(MACHINE, "out.kaisha.example", net=lab.network("offline"))
    assert {step.done for step in steps} == {None}


# --- findings ---------------------------------------------------------------------------------------------------


def verdicts(records: dict[str, dict[str, list[str]]]) -> list[tuple[str, Verdict]]:
    base = {"d.org": {"A": ["192.0.2.1"]}, "dkim1.mandrillapp.com": {"TXT": ["v=DKIM1; p=" + "A" * 40]}}
    with dns_world({**base, **records}, timeout=20.0) as net:
        return [(found.subject, found.verdict) for found in services.findings("d.org", net=net)]


def test_a_domain_with_a_service_in_order_has_nothing_to_mend(lab: Lab) -> None:
    found = services.findings(DOMAIN, net=lab.network())
    assert {each.verdict for each in found} == {Verdict.INFO}
    assert "sender.example (set up)" in found[0].evidence


def test_a_return_path_that_leads_nowhere_is_a_warning() -> None:
    said = verdicts({"pm-bounces.d.org": {"CNAME": ["pm.mtasv.net."]}})
    assert ("pm-bounces.d.org", Verdict.WARN) in said


def test_an_entry_that_nobody_looks_at_is_only_mentioned() -> None:
    records = {
        "d.org": {"TXT": ["v=spf1 include:spf.mandrillapp.com ~all"], "A": ["192.0.2.1"]},
        "spf.mandrillapp.com": {"TXT": ["v=spf1 ip4:192.0.2.112/28 ~all"]},
        "mte1._domainkey.d.org": {"CNAME": ["dkim1.mandrillapp.com."]},
        "mte2._domainkey.d.org": {"CNAME": ["dkim1.mandrillapp.com."]},
        "dkim1.mandrillapp.com": {"TXT": [KEY]},
    }
    with dns_world(records, timeout=20.0) as net:
        found = services.findings("d.org", net=net)
    assert any("one of ten lookups" in each.advice for each in found)
    assert Verdict.WARN not in {each.verdict for each in found if "lookups" in each.advice}
    assert all("docomo" in each.advice for each in found if "lookups" in each.advice), "who does look at it"


KEY = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxO"
    "CKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUY"
    "ckcQ2QIDAQAB"
)


def test_a_second_selector_without_its_alias_is_offered_to_paste() -> None:
    records = {
        "d.org": {"A": ["192.0.2.1"]},
        "mte1._domainkey.d.org": {"CNAME": ["dkim1.mandrillapp.com."]},
        "dkim1.mandrillapp.com": {"TXT": [KEY]},
    }
    with dns_world(records, timeout=20.0) as net:
        found = [each for each in services.findings("d.org", net=net) if each.verdict is Verdict.WARN]
    assert [each.fix for each in found] == ["mte2._domainkey.d.org. 3600 IN CNAME dkim2.mandrillapp.com."]


def test_a_silent_resolver_makes_no_warning() -> None:
    net = Network("internet", "here", (("127.0.0.1", 9),), timeout=0.2)
    assert {each.verdict for each in services.findings("d.org", net=net)} == {Verdict.INFO, Verdict.UNKNOWN}


# --- pictures ---------------------------------------------------------------------------------------------------


def test_the_comparison_shows_every_service_and_what_nobody_confirms() -> None:
    said = str(figures.compare())
    assert all(found.name in said for found in services.services(practice=False))
    assert "Postmark (smtp.postmarkapp.com): TLS first none" in said
    assert "return path not confirmed" in said
    assert figures.compare().png().startswith(b"\x89PNG")


def test_the_clouds_show_that_587_does_not_always_pass() -> None:
    said = str(figures.clouds()).splitlines()
    ocean = next(line for line in said if line.startswith("DigitalOcean"))
    assert "third party" in ocean and "port 587 closed, port 2525 open" in ocean
    assert any(line.startswith("Linode") and "unconfirmed" in line for line in said)
    assert any("port 587 open" in line for line in said)
