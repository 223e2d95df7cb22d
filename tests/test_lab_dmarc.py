"""DMARC in the practice internet: what its receivers do with honest, forged, forwarded and distributed mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import compat32
from functools import partial
from typing import Any

import pytest
from support_lab import HANAKO, hand_in
from support_worlds import OTHER_WORLD

from mailkit import dkim, dmarc
from mailkit.clients import Sent, send
from mailkit.lab import Lab
from mailkit.lab.attacks import spoofing
from mailkit.lab.mail.checks import Evidence, Incoming
from mailkit.lab.mail.mailboxes import Mail
from mailkit.message.authentication_results import Result, parse
from mailkit.results import Outcome

TARO, ALICE = "taro@kaisha.example", "alice@bigmail.example"
HONEST = (
    b"From: Hanako <hanako@kaisha.example>\r\nTo: Alice <alice@bigmail.example>\r\nSubject: tea\r\n\r\nAt four?\r\n"
)
DAY = 86400
submit = partial(hand_in, content=HONEST)


def stranger(lab: Lab, content: bytes, recipient: str = ALICE, *, sender: str = "x@spoof.example") -> Sent:
    """Hand *content* to the door of the recipient's provider, from a rented machine that spoof.example may use."""
    lab.lift("cloud")
    server = {"bigmail.example": "mx1.bigmail.example", "kaisha.example": "mx.kaisha.example"}
    net = replace(lab.network("cloud"), timeout=60.0)
    host = server[recipient.rpartition("@")[2]]
    # bigmail turns away generic reverse names before anything else.
    lab.publish("77.113.0.203.in-addr.arpa", "PTR", "mail2.spoof.example.")
    lab.publish("mail2.spoof.example", "A", "203.0.113.77")
    return send(host, 25, content, sender=sender, recipients=[recipient], net=net)


def results(mail: Mail) -> dict[str, Result]:
    """The results that the last server wrote, by method."""
    field = message_from_bytes(mail.message, policy=compat32)["Authentication-Results"]
    read = parse(field)
    assert read.problems == ()
    return {result.method: result for result in read.results}


def events(lab: Lab) -> str:
    return "\n".join(entry.event for entry in lab.log)


def test_honest_mail_passes(lab: Lab) -> None:
    submit(lab, ALICE)
    (mail,) = lab.inbox(ALICE)
    said = results(mail)
    assert (said["spf"].result, said["dkim"].result, said["dmarc"].result) == ("pass", "pass", "pass")
    assert said["dmarc"].value("header.from") == "kaisha.example"
    assert said["dmarc"].value("policy.dmarc") == "quarantine" and said["dmarc"].reason == ""
    assert "dmarc=pass, header.from=kaisha.example, p=quarantine, disposition=none" in events(lab)
    assert not lab.inbox(ALICE, "Junk") and lab.errors == []


@pytest.mark.parametrize("recipient", [ALICE, TARO])
def test_a_forgery_is_quarantined_as_its_domain_asks(lab: Lab, recipient: str) -> None:
    assert stranger(lab, HONEST, recipient).reply.startswith("250")
    assert not lab.inbox(recipient)
    (mail,) = lab.inbox(recipient, "Junk")
    said = results(mail)
    assert (said["spf"].result, said["dmarc"].result) == ("pass", "fail")
    assert "spoof.example" in said["dmarc"].reason
    assert "dmarc=fail, header.from=kaisha.example, p=quarantine, disposition=quarantine" in events(lab)
    assert "delivered to mailbox, folder Junk" in events(lab)


def test_no_policy_and_none_ask_for_nothing(lab: Lab) -> None:
    stranger(lab, HONEST.replace(b"kaisha.example", b"sender.example"))
    lab.publish("_dmarc.kaisha.example", "TXT", "v=DMARC1; p=none")
    stranger(lab, HONEST)
    assert [results(mail)["dmarc"].result for mail in lab.inbox(ALICE)] == ["none", "fail"]


def rejecting(lab: Lab, tags: str = "") -> None:
    lab.publish("_dmarc.kaisha.example", "TXT", f"v=DMARC1; p=reject; {tags}rua=mailto:dmarc-reports@kaisha.example")


def test_a_forgery_is_refused_where_more_than_the_policy_is_against_it(lab: Lab) -> None:
    rejecting(lab)
    sent = stranger(lab, HONEST)
    assert sent.outcome is Outcome.REJECTED
    assert sent.reply.startswith("550 5.7.26 DMARC of kaisha.example failed (p=reject): ")
    assert "straight from [203.0.113.77]" in sent.reply
    assert f"refused: {sent.reply}"[:200] in events(lab)
    assert not lab.inbox(ALICE) and not lab.inbox(ALICE, "Junk")


SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=kaisha.example; s=s2026; h=From:Subject;\r\n"
    b"\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
)


@pytest.mark.parametrize(
    "before",
    [
        b"List-Id: <tea.list.example>\r\n",
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example; s=x; b=AAAA\r\n",
        b"Received: from office.kaisha.example by mail.forward.example; Tue, 24 Nov 2026 00:00:00 +0000\r\n",
        SIGNATURE,
    ],
)
def test_what_may_have_come_a_long_way_round_is_not_refused(lab: Lab, before: bytes) -> None:
    """RFC 9989 section 7.4: p=reject alone is carried out as quarantine."""
    rejecting(lab)
    assert stranger(lab, before + HONEST).reply.startswith("250")
    (mail,) = lab.inbox(ALICE, "Junk")
    assert results(mail)["dmarc"].value("policy.dmarc") == "reject"
    assert "p=reject alone must not reject" in events(lab)


def test_a_receiver_that_does_not_reject_quarantines(lab: Lab) -> None:
    rejecting(lab)
    assert stranger(lab, HONEST, TARO).reply.startswith("250")
    assert len(lab.inbox(TARO, "Junk")) == 1


def test_a_test_policy_is_one_level_lower(lab: Lab) -> None:
    rejecting(lab, "t=y; ")
    assert stranger(lab, HONEST).reply.startswith("250")
    (mail,) = lab.inbox(ALICE, "Junk")
    assert results(mail)["dmarc"].value("policy.dmarc") == "quarantine"


def test_a_refusal_fits_into_a_reply(lab: Lab) -> None:
    """RFC 5321 section 4.5.3.1.5: at most 512 octets."""
    rejecting(lab)
    long = b".".join([b"x" * 60] * 3) + b".kaisha.example"
    reply = stranger(lab, HONEST.replace(b"kaisha.example", long)).reply
    assert reply.startswith("550 5.7.26 DMARC of xxxx") and len(reply.encode()) <= 510


def test_a_parked_domain_is_refused(lab: Lab) -> None:
    sent = stranger(lab, HONEST.replace(b"kaisha.example", b"example.com"))
    assert sent.reply.startswith("550 5.7.26 DMARC of example.com failed")


@pytest.mark.parametrize("fault", ["servfail", "silence"])
def test_a_dns_that_fails_never_refuses(lab: Lab, fault: str) -> None:
    rejecting(lab)
    lab.resolver.fault("_dmarc.kaisha.example", fault)
    assert stranger(lab, HONEST).reply.startswith("250")
    (mail,) = lab.inbox(ALICE)
    assert results(mail)["dmarc"].result == "temperror"
    lab.reset()


@pytest.mark.parametrize("author", [b"", b"From:\r\n", b"From: a@kaisha.example\r\nFrom: b@spoof.example\r\n"])
def test_mail_whose_author_cannot_be_told_is_junk(lab: Lab, author: bytes) -> None:
    stranger(lab, author + b"Subject: hello\r\n\r\nHello.\r\n")
    (mail,) = lab.inbox(ALICE, "Junk")
    assert results(mail)["dmarc"].result == "permerror"


def test_a_claim_in_the_receivers_name_is_taken_away(lab: Lab) -> None:
    claim = b"Authentication-Results: mx1.bigmail.example; dmarc=pass header.from=kaisha.example\r\n"
    stranger(lab, claim + HONEST)
    (mail,) = lab.inbox(ALICE, "Junk")
    fields = message_from_bytes(mail.message, policy=compat32).get_all("Authentication-Results", [])
    assert len(fields) == 1 and "dmarc=pass" not in fields[0]


def test_a_bounce_passes_by_the_name_in_ehlo(lab: Lab) -> None:
    """A bounce has no sender: SPF, and DMARC with it, goes by HELO (RFC 9989 section 4.4.2)."""
    submit(lab, HANAKO, content=HONEST.replace(HANAKO.encode(), ALICE.encode()), sender=ALICE)
    lab.publish("kaisha.example", "MX", "10 mx1.bigmail.example.")
    lab.withdraw("_mta-sts.kaisha.example", "TXT")  # its policy does not name that exchanger
    lab.transport.reset()
    submit(lab, "nobody@kaisha.example", content=HONEST.replace(HANAKO.encode(), ALICE.encode()), sender=ALICE)
    (report,) = lab.inbox(ALICE)
    assert report.envelope_sender == "<>" and results(report)["dmarc"].result == "pass"


def test_spf_and_dkim_are_not_evaluated_twice(lab: Lab) -> None:
    host = lab.world.hosts["mx1.bigmail.example"]
    incoming = Incoming(host, "Q1", "192.0.2.58", "smtp.kaisha.example", HANAKO, (ALICE,), HONEST, "ESMTP")
    evidence = Evidence(incoming, lab.network())
    assert evidence.dmarc.result == "pass"
    assert evidence.dmarc.spf is evidence.spf and evidence.dmarc.dkim is evidence.dkim


def test_servers_do_not_ask_again_what_was_answered() -> None:
    """But what changes they hear of with the next message: a record, a fault, its end."""
    lab, asked = Lab(), 0
    answer = lab.resolver.answer

    def counting(query: Any, transport: str = "udp") -> Any:
        nonlocal asked
        asked += 1
        return answer(query, transport)

    lab.resolver.answer = counting  # type: ignore[method-assign]
    with lab:
        counts = []
        for _ in range(3):
            before = asked
            submit(lab, ALICE)
            lab.settle()
            counts.append(asked - before)
        assert counts[1] < counts[0] / 2 and counts[2] == counts[1]
        said = []
        for change in (
            lambda: lab.publish("kaisha.example", "TXT", "v=spf1 -all"),
            lambda: lab.resolver.fault("kaisha.example", "servfail"),
            lambda: lab.resolver.heal("kaisha.example"),
            lambda: lab.reset(),
        ):
            change()
            lab.mailboxes.reset()
            submit(lab, ALICE)
            (mail,) = lab.inbox(ALICE)
            said.append(results(mail)["spf"].result)
    assert said == ["fail", "temperror", "fail", "pass"]


def test_what_is_concluded_is_what_evaluate_finds(lab: Lab) -> None:
    net = replace(lab.network(), timeout=60.0, local_hostname="mx1.bigmail.example")
    host = lab.world.hosts["mx1.bigmail.example"]
    for client, sender in (("192.0.2.58", HANAKO), ("203.0.113.77", "x@spoof.example"), ("203.0.113.77", HANAKO)):
        incoming = Incoming(host, "Q1", client, "c.example", sender, (ALICE,), HONEST, "ESMTP")
        assert Evidence(incoming, net).dmarc == dmarc.evaluate(HONEST, client, sender, "c.example", net=net)


# The rules for bulk mail.

NEWS = b"List-Unsubscribe: <https://kaisha.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + HONEST


def test_bulk_mail_that_has_everything_is_taken(lab: Lab) -> None:
    submit(lab, ALICE, content=NEWS)
    assert len(lab.inbox(ALICE)) == 1


def test_bulk_mail_that_lacks_something_is_refused(lab: Lab) -> None:
    """The forgotten sender: p=none asks for nothing, but the receiver does."""
    lab.publish("_dmarc.kaisha.example", "TXT", "v=DMARC1; p=none; rua=mailto:dmarc-reports@kaisha.example")
    net = lab.host_network("smtp.sender.example")

    def news(content: bytes, sender: str) -> str:
        return send("mx1.bigmail.example", 25, content, sender=sender, recipients=[ALICE], net=net).reply

    key = (lab.world.folder / "keys" / "s1._domainkey.sender.example.pem").read_bytes()
    signed = dkim.sign(NEWS, domain="sender.example", selector="s1", key=key, now=lab.clock.now())
    begin = "550 5.7.26 Bulk mail in the name of kaisha.example is not taken here (rules for bulk mail: "
    assert news(NEWS, HANAKO) == begin + "SPF must pass, and gives fail for kaisha.example)"
    assert news(NEWS, "shop@sender.example") == begin + "a DKIM signature must pass, and none does)"
    assert (
        news(signed, "shop@sender.example") == begin + "DMARC must pass: SPF or DKIM for the domain in the From line)"
    )
    unknown = dkim.sign(
        NEWS.replace(b"kaisha.example", b"isp.example"), domain="sender.example", selector="s1", key=key
    )
    assert "must have a DMARC record, and isp.example has none" in news(unknown, "shop@sender.example")
    aligned = dkim.sign(NEWS, domain="kaisha.example", selector="s1", key=key, now=lab.clock.now())
    assert news(aligned, "shop@sender.example").startswith("250")
    assert news(HONEST, "shop@sender.example").startswith("250"), "one letter is no bulk mail"
    lab.advance(DAY)
    found = read(lab)
    refused = found[found["disposition"] == "reject"]
    assert refused["count"].sum() == 3 and set(refused["reason"]) == {"local_policy"}
    assert found["count"].sum() == 5


def test_no_bulk_rule_for_what_the_dns_did_not_say(lab: Lab) -> None:
    lab.resolver.fault("_dmarc.kaisha.example", "servfail")
    submit(lab, ALICE, content=NEWS)
    assert len(lab.inbox(ALICE)) == 1
    lab.reset()


# The spoofer.

FOOLED = {"display name": "INBOX", "lookalike": "INBOX"}  # DMARC speaks of domains, not of what looks like one
NOBODY = {"two fields", "space before colon", "encoded", "group", "no author"}
CAREFUL = {"forged list", "forged trace", "forged signature"}  # what may have come a long way round


@pytest.mark.parametrize("policy", ["none", "quarantine", "reject"])
def test_every_trick_of_the_spoofer(lab: Lab, policy: str) -> None:
    lab.publish("_dmarc.kaisha.example", "TXT", f"v=DMARC1; p={policy}; rua=mailto:dmarc-reports@kaisha.example")
    expected = {"none": "INBOX", "quarantine": "Junk", "reject": "refused"}[policy]
    rows = spoofing.campaign(lab)
    assert [row.trick for row in rows] == list(spoofing.TRICKS)
    for row in rows:
        junk = row.trick in NOBODY or (row.trick in CAREFUL and policy == "reject")
        assert row.fate == FOOLED.get(row.trick, "Junk" if junk else expected), row
        if row.fate != "refused":
            assert ("permerror" in row.dmarc) == (row.trick in NOBODY), row
            assert ("fail" in row.dmarc) == (row.trick not in {*NOBODY, *FOOLED}), row
    assert lab.errors == []


def test_all_of_the_spoofers_own_is_in_order(lab: Lab) -> None:
    spoofed = spoofing.spoof(lab)
    assert (spoofed.spf, spoofed.dkim, spoofed.dmarc, spoofed.fate) == ("pass", "pass", "fail", "Junk")
    assert spoofed.mail is not None and results(spoofed.mail)["iprev"].result == "pass"
    assert "the From line is of kaisha.example" in spoofed.reason
    with pytest.raises(ValueError, match="no trick 'magic'; there are plain"):
        spoofing.spoof(lab, "magic")
    with pytest.raises(ValueError, match="an address is a text"):
        spoofing.spoof(lab, author="kaisha.example")
    with pytest.raises(ValueError, match="an address is a text"):
        spoofing.spoof(lab, author="x@kaisha.example\r\nBcc: y@isp.example")
    with pytest.raises(ValueError, match=r"no host 'x\.example'"):
        spoofing.spoof(lab, host="x.example")
    with pytest.raises(ValueError, match="nobody takes mail"):
        spoofing.spoof(lab, recipient="x@example.com")


# Aggregate reports.

REPORTS = "dmarc-reports@kaisha.example"


def read(lab: Lab, address: str = REPORTS) -> Any:
    return dmarc.read_reports([mail.message for mail in lab.inbox(address)])


def test_a_receiver_reports_when_its_day_is_over(lab: Lab) -> None:
    for number in range(3):
        submit(lab, ALICE, content=HONEST.replace(b"tea", b"tea %d" % number))
    spoofing.spoof(lab)
    assert lab.advance(DAY - 1) and not lab.inbox(REPORTS)
    lab.advance(1)
    (mail,) = lab.inbox(REPORTS)
    assert (mail.header_from, mail.envelope_sender) == ("postmaster@bigmail.example", "<postmaster@bigmail.example>")
    assert mail.subject.startswith("Report Domain: kaisha.example Submitter: bigmail.example Report-ID: <20261124.")
    said = results(mail)
    assert [said[method].result for method in ("spf", "dkim", "dmarc")] == ["pass"] * 3
    found = dmarc.read_reports(mail.message)
    assert found.attrs["problems"] == ()
    assert sorted(zip(found["source_ip"], found["count"], found["disposition"], found["aligned"], strict=True)) == [
        ("192.0.2.58", 3, "pass", True),
        ("203.0.113.150", 1, "quarantine", False),
    ]
    assert set(found["org_name"]) == {"bigmail.example"} and set(found["domain"]) == {"kaisha.example"}
    assert str(found["begin"][0]) == "2026-11-24 00:00:00+00:00" and set(found["p"]) == {"quarantine"}
    assert "aggregate report on kaisha.example of 2026-11-24 (4 messages) to <dmarc-reports@" in events(lab)
    assert lab.errors == []


def test_reports_over_days_sum_up_to_what_was_sent(lab: Lab) -> None:
    lab.withdraw("_smtp._tls.kaisha.example", "TXT")  # reports on TLS are mail too, and would be counted
    sent = [(2, 1), (0, 3), (4, 0), (0, 0), (1, 1)]  # honest and forged, day by day
    for honest, forged in sent:
        for _ in range(honest):
            submit(lab, ALICE)
        for _ in range(forged):
            spoofing.spoof(lab)
        lab.advance(DAY)
    lab.advance(3 * DAY)
    found = read(lab)
    assert found["count"].sum() == sum(map(sum, sent)) == 12
    by_day = found.groupby([found["begin"].dt.day, "aligned"])["count"].sum()
    assert by_day.to_dict() == {
        (24 + day, good): count for day, pair in enumerate(sent) for good, count in zip((True, False), pair) if count
    }
    assert len(lab.inbox(REPORTS)) == 4, "no day without mail has a report, and reports are not reported on"
    assert not lab.inbox("postmaster@bigmail.example")
    assert lab.errors == []


def test_each_step_of_a_policy_is_in_its_own_report(lab: Lab) -> None:
    expected = {"none": "none", "quarantine": "quarantine", "reject": "reject"}
    for policy in expected:
        lab.publish("_dmarc.kaisha.example", "TXT", f"v=DMARC1; p={policy}; rua=mailto:{REPORTS}")
        spoofing.spoof(lab)
        spoofing.spoof(lab, "forged list")
    lab.advance(DAY)
    found = read(lab)
    assert found["report_id"].nunique() == 3 and found["count"].sum() == 6
    plain = found[found["comment"] == ""]
    assert dict(zip(plain["p"], plain["disposition"], strict=True)) == expected
    (careful,) = found[found["comment"] != ""].to_dict("records")
    assert (careful["p"], careful["disposition"], careful["reason"]) == ("reject", "quarantine", "local_policy")


def test_the_company_reports_too(lab: Lab) -> None:
    submit(lab, TARO, content=HONEST.replace(b"hanako@kaisha", b"alice@bigmail"), sender=ALICE)
    stranger(lab, HONEST.replace(b"hanako@kaisha.example", b"alice@bigmail.example"), TARO)
    lab.advance(DAY)
    found = read(lab, "postmaster@bigmail.example")
    assert set(found["org_name"]) == {"kaisha.example"}
    assert sorted(zip(found["count"], found["dkim"], found["disposition"], strict=True)) == [
        (1, "fail", "quarantine"),
        (1, "pass", "pass"),
    ]


def test_reports_go_elsewhere_only_where_that_agrees(lab: Lab) -> None:
    shop = "shop@sender.example"
    lab.publish("_dmarc.kaisha.example", "TXT", f"v=DMARC1; p=none; rua=mailto:{shop}")
    submit(lab, ALICE)
    lab.advance(DAY)
    assert not lab.inbox(shop)
    assert "aggregate report on kaisha.example of 2026-11-24 (1 message): nobody to send it to" in events(lab)
    lab.publish("kaisha.example._report._dmarc.sender.example", "TXT", "v=DMARC1")
    submit(lab, ALICE)
    lab.advance(DAY)
    assert read(lab, shop)["count"].sum() == 1


def test_a_report_waits_while_the_dns_does_not_say_who_takes_it(lab: Lab) -> None:
    shop = "shop@sender.example"
    lab.publish("_dmarc.kaisha.example", "TXT", f"v=DMARC1; p=none; rua=mailto:{shop}")
    lab.publish("kaisha.example._report._dmarc.sender.example", "TXT", "v=DMARC1")
    lab.resolver.fault("kaisha.example._report._dmarc.sender.example", "servfail")
    submit(lab, ALICE)
    lab.advance(DAY)
    assert "(1 message): the DNS does not say who takes it, so it waits" in events(lab) and not lab.inbox(shop)
    lab.resolver.heal("kaisha.example._report._dmarc.sender.example")
    lab.advance(3600)
    assert read(lab, shop)["count"].sum() == 1


def test_a_reset_forgets_what_was_seen(lab: Lab) -> None:
    submit(lab, ALICE)
    lab.settle()
    lab.reset()
    lab.advance(DAY)
    assert not lab.inbox(REPORTS)


def test_what_is_handed_over_twice_is_counted_once(lab: Lab) -> None:
    """RFC 1047: the reply was lost and the sender tries again; the receiver recognises the message."""
    net = lab.host_network("smtp.kaisha.example")
    trace = b"Received: from x by smtp.kaisha.example with ESMTPSA id Q00077; Tue, 24 Nov 2026 00:00:00 +0000\r\n"
    for _ in range(2):
        send("mx1.bigmail.example", 25, trace + HONEST, sender=HANAKO, recipients=[ALICE], net=net)
    lab.advance(DAY)
    assert read(lab)["count"].sum() == 1


@pytest.fixture(scope="module")
def other() -> Iterator[Lab]:
    with Lab(OTHER_WORLD) as running:
        yield running


def test_the_other_world_checks_too(other: Lab) -> None:
    erika, otto = "erika@firma.example", "otto@post.example"
    letter = b"From: erika@firma.example\r\nSubject: tea\r\n\r\nAt four?\r\n"
    net = replace(other.network(), timeout=60.0)
    account = other.account(erika)
    send("submit.firma.example", 587, letter, sender=erika, recipients=[otto], net=net, credentials=account)
    (mail,) = other.inbox(otto)
    assert results(mail)["dmarc"].result == "pass"
    sent = send("in.post.example", 25, letter, sender="anna@brief.example", recipients=[otto], net=net)
    assert sent.reply.startswith("550 5.7.26 DMARC of firma.example failed (p=reject)")


def test_the_other_world_reports(other: Lab) -> None:
    other.reset()
    erika, otto = "erika@firma.example", "otto@post.example"
    letter = b"From: erika@firma.example\r\nSubject: tea\r\n\r\nAt four?\r\n"
    net, account = replace(other.network(), timeout=60.0), other.account(erika)
    send("submit.firma.example", 587, letter, sender=erika, recipients=[otto], net=net, credentials=account)
    send("in.post.example", 25, letter, sender="anna@brief.example", recipients=[otto], net=net)
    other.advance(DAY)
    found = read(other, "postmaster@firma.example")
    assert sorted(zip(found["count"], found["disposition"], strict=True)) == [(1, "pass"), (1, "reject")]
