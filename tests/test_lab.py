"""The practice internet: its cast, its places, its clock, and its mail servers' manners."""

from __future__ import annotations

import email
import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from support_worlds import OTHER_WORLD

from mailkit import op25b, tls
from mailkit.clients import SMTP, Credentials, Sent, send
from mailkit.conversation import Wire
from mailkit.lab import Lab, start
from mailkit.network import Network, Status
from mailkit.network.parallel import each
from mailkit.results import Outcome

MX, SUBMISSION = "mx.kaisha.example", "smtp.kaisha.example"
MINUTE, HOUR, DAY = 60, 3600, 86400
WORLDS = {"practice": None, "other": OTHER_WORLD}


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab(WORLDS[request.param]) as running:
        yield running


def patient(net: Network) -> Network:
    """The same network for tests that wait for an answer which will come, however busy this machine is."""
    return replace(net, timeout=30.0)


@pytest.fixture
def net(lab: Lab) -> Network:
    return patient(lab.network())


def message(subject: str = "greetings", sender: str = "hanako@kaisha.example") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "somebody", subject
    made.set_content("Hello.\n")
    return made.as_bytes(policy=policy.SMTP)


def submit(lab: Lab, *recipients: str, sender: str = "hanako@kaisha.example", content: bytes | None = None) -> Sent:
    """Hand a message to the submission server of the company."""
    return send(
        "smtp.kaisha.example",
        587,
        content or message(sender=sender),
        sender=sender,
        recipients=recipients,
        net=patient(lab.network()),
        credentials=lab.account(sender),
    )


def deliver(net: Network, host: str, recipient: str, sender: str = "somebody@sender.example") -> Sent:
    """Hand a message to port 25 of *host*, as a stranger."""
    return send(host, 25, message(sender=sender), sender=sender, recipients=[recipient], net=net)


def events(lab: Lab) -> str:
    return "\n".join(entry.event for entry in lab.log)


# The cast, in both worlds


def test_every_zone_file_is_sound(world: Lab) -> None:
    world._authority.check()


def test_only_documentation_addresses_and_reserved_names(world: Lab) -> None:
    documentation = [
        ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    reserved = (".example", "example.com", "example.net", "example.org", "example.jp", ".home.arpa")
    points, hosts = world.world.vantage_points.values(), world.world.hosts.values()
    for address in [p.address for p in points] + [a for host in hosts for a in host.addresses]:
        ip = ipaddress.ip_address(address)
        assert any(ip in net for net in documentation if net.version == ip.version), address
    for name in [p.hostname for p in points] + [host.name for host in hosts]:
        assert name.endswith(reserved), name


def test_addresses_are_given_out_once(world: Lab) -> None:
    used = [point.address for point in world.world.vantage_points.values()]
    used += [address for host in world.world.hosts.values() for address in host.addresses]
    assert len(used) == len(set(used))
    assert world.network().nobody not in used


def test_every_host_has_its_addresses_in_the_dns(world: Lab) -> None:
    net = patient(world.network())
    for host in world.world.hosts.values():
        assert set(net.addresses(host.name)) == set(host.addresses), host.name


def test_every_host_has_a_reverse_name_that_leads_back(world: Lab) -> None:
    # mistakes.example has none or a wrong one, as has hosting.example until it is asked to mend that, and the server in
    # the living room has that of the customer's line.
    others = ("mistakes.example", "hosting.example", "home.arpa")
    hosts = [h for h in world.world.hosts.values() if not h.name.endswith(others)]
    rows = op25b.reverse([address for host in hosts for address in host.addresses], net=patient(world.network()))
    owners = {address: host.name for host in hosts for address in host.addresses}
    assert [(row.address, row.name, row.confirmed) for row in rows] == [
        (row.address, owners[row.address], True) for row in rows
    ]


def test_every_place_has_the_reverse_name_it_introduces_itself_with(world: Lab) -> None:
    net = patient(world.network())
    places = [p for p in world.world.vantage_points.values() if p.dns != "silent"]
    for place in places:
        (row,) = op25b.reverse(place.address, net=net)
        assert (row.name, row.confirmed) == (place.hostname, True), place.name


def test_every_domains_mail_has_somewhere_to_go(world: Lab) -> None:
    net = patient(world.network())
    for address in world.world.mailboxes:
        domain = address.rpartition("@")[2]
        takers = [world.world.hosts.get(name) for name in op25b.mail_exchangers(domain, net=net)]
        assert any(h and 25 in h.ports and domain in h.domains and not h.down for h in takers), domain


def test_every_host_that_is_up_answers_on_its_ports_and_no_other(world: Lab) -> None:
    net = patient(world.network())
    hosts = [host for host in world.world.hosts.values() if not host.down and not host.greeting_delay]
    rows = op25b.scan([host.name for host in hosts], net=net)
    for row in rows:
        expected = Outcome.OPEN if row.port in world.world.hosts[row.host].ports else Outcome.REFUSED
        assert row.outcome is expected, row
        assert not row.banner or row.banner.startswith(row.host)


def test_certificates_are_what_the_world_says(world: Lab) -> None:
    net = patient(world.network())
    for host in world.world.hosts.values():
        if host.down or host.greeting_delay or host.certificate != "good" or not host.ports:
            continue
        if host.ports[0] in (443, 993):
            wire = Wire(net, host.name, host.ports[0])
            wire.connect()
            wire.begin_tls(net.tls_context())
            assert wire.encrypted
            wire.close()
            continue
        if host.ports[0] in (143, 110):
            seen = tls.scan(host.name, host.ports[0], net=net)
            assert (seen.outcome, seen.trusted, seen.name_ok) == (Outcome.OPEN, True, True), seen
            continue
        client = SMTP(net, host.name, host.ports[0])
        client.open(context=net.tls_context() if host.ports[0] == 465 else None)
        client.introduce()
        if not client.encrypted:
            client.secure(net.tls_context())
        assert client.encrypted
        client.leave()


def test_accounts_can_log_in_and_send(world: Lab) -> None:
    net = patient(world.network())
    for host in world.world.hosts.values():
        if host.certificate == "expired" and "mistakes.example" not in host.accounts:
            world.renew_certificate(host.name)
        for domain in set(host.accounts) - {"mistakes.example"} if 587 in host.ports else ():
            account = next(a for a in world.world.mailboxes if a.endswith(f"@{domain}"))
            sent = send(
                host.name,
                587,
                message(sender=account),
                sender=account,
                recipients=[account],
                net=net,
                credentials=world.account(account),
                timeout=120,
            )
            assert sent.outcome is Outcome.OPEN, (host.name, sent)
            assert world.inbox(account), account


def test_the_default_place_has_no_filter(world: Lab) -> None:
    assert world.network().vantage == world.world.vantage == next(iter(world.world.vantage_points))
    assert world.world.domain in world.world.probe_domains


# Places


def test_a_survey_shows_each_place_as_it_is(lab: Lab, net: Network) -> None:
    rows = op25b.scan_from_vantages([MX, SUBMISSION], (25, 587), net=net)
    seen = {(r.vantage, r.port): r.outcome for r in rows if (r.host, r.port) in {(MX, 25), (SUBMISSION, 587)}}
    assert {place: str(seen[place, 25]) for place in net.vantages} == {
        "office": "open",
        "home": "timeout",
        "hotel": "refused",
        "cloud": "timeout",
        "intercepted": "intercepted",
        "offline": "dns_failure",
    }
    assert {place for place in net.vantages if seen[place, 587] is Outcome.OPEN} == set(net.vantages) - {"offline"}


def test_servers_see_each_place_come_from_its_own_address(lab: Lab) -> None:
    places = lab.world.vantage_points.values()
    seen = each(lambda point: op25b.public_address(net=lab.network(point.name)), places)
    assert seen == [None if point.dns == "silent" else point.address for point in places]


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("office", "pass"),
        ("home", "warn"),
        ("hotel", "warn"),
        ("cloud", "warn"),
        ("intercepted", "fail"),
        ("offline", "unknown"),
    ],
)
def test_diagnosis_from_each_place(lab: Lab, place: str, verdict: str) -> None:
    finding = op25b.diagnose(net=lab.network(place))
    assert str(finding.verdict) == verdict
    assert place in finding.subject and finding.evidence and finding.advice


def test_port_25_opens_on_request(lab: Lab) -> None:
    cloud = lab.network("cloud")
    with pytest.raises(TimeoutError):
        cloud.dial("192.0.2.25", 25, timeout=0.2)
    assert lab.lift("cloud") == "Request granted: port 25 is open from cloud."
    cloud.dial("192.0.2.25", 25, timeout=30).close()
    assert "does not open port 25 on request" in lab.lift("home")
    with pytest.raises(ValueError, match="no vantage point 'moon'"):
        lab.lift("moon")
    lab.reset()
    with pytest.raises(TimeoutError):
        cloud.dial("192.0.2.25", 25, timeout=0.2)


# The DNS and the clock


def test_a_change_is_seen_when_the_ttl_has_passed(lab: Lab, net: Network) -> None:
    before = net.lookup("kaisha.example", "TXT")
    lab.advance(100)
    assert net.lookup("kaisha.example", "TXT").ttl == before.ttl - 100
    said = lab.publish("kaisha.example", "TXT", "v=spf1 -all", wait=False)
    assert said == "Published TXT at kaisha.example. Caches may still give the old answer for up to 5 minutes."
    assert net.lookup("kaisha.example", "TXT").records == before.records
    lab.advance(before.ttl - 101)
    assert net.lookup("kaisha.example", "TXT").records == before.records
    lab.advance(1)
    assert net.lookup("kaisha.example", "TXT").texts == (b"v=spf1 -all",)


def test_that_there_was_nothing_is_remembered_too(lab: Lab, net: Network) -> None:
    assert net.lookup("new.kaisha.example", "A").status is Status.NXDOMAIN
    lab.publish("new.kaisha.example", "A", "192.0.2.99", wait=False)
    assert net.lookup("new.kaisha.example", "A").status is Status.NXDOMAIN
    lab.advance(5 * MINUTE)
    assert net.lookup("new.kaisha.example", "A").records == ("192.0.2.99",)


def test_publish_lets_the_ttl_pass_and_says_so(lab: Lab, net: Network) -> None:
    net.lookup("kaisha.example", "TXT")
    begun = lab.clock.now()
    said = lab.publish("kaisha.example", "TXT", "v=spf1 ?all", "another text")
    assert said == "Published TXT at kaisha.example. 5 minutes later no cache holds the old answer."
    assert (lab.clock.now() - begun).total_seconds() == 300
    assert sorted(net.lookup("kaisha.example", "TXT").texts) == [b"another text", b"v=spf1 ?all"]


def test_withdraw(lab: Lab, net: Network) -> None:
    assert net.lookup("kaisha.example", "TXT")
    said = lab.withdraw("kaisha.example", "TXT")
    assert said.startswith("Withdrew TXT at kaisha.example. 5 minutes later")
    assert net.lookup("kaisha.example", "TXT").status is Status.NODATA


def test_what_is_published_can_be_sent_to(lab: Lab) -> None:
    lab.publish("branch.kaisha.example", "MX", "5 mx1.bigmail.example.")
    submit(lab, "nobody@branch.kaisha.example")
    lab.settle()
    assert "to=<nobody@branch.kaisha.example>, dsn=5.7.1, status=bounced" in events(lab)


def test_the_clock_stands_until_it_is_advanced(lab: Lab) -> None:
    begun = lab.clock.now()
    assert lab.network().now() == begun == lab.world.now
    assert lab.advance(90) == "90 seconds later: it is 2026-11-24 00:01 UTC."
    assert lab.advance(DAY) == "1 day later: it is 2026-11-25 00:01 UTC."
    assert lab.advance(2 * HOUR).startswith("2 hours later")


def test_reset_goes_back_to_the_beginning(lab: Lab, net: Network) -> None:
    fresh = net.lookup("kaisha.example", "TXT")
    lab.publish("kaisha.example", "TXT", "changed")
    lab.resolver.fault("www.kaisha.example", "servfail")
    submit(lab, "taro@kaisha.example")
    assert lab.inbox("taro@kaisha.example") and lab.log
    lab.reset()
    assert net.lookup("kaisha.example", "TXT") == fresh
    assert net.lookup("www.kaisha.example", "A")
    assert not lab.inbox("taro@kaisha.example") and not lab.log
    assert lab.clock.now() == lab.world.now
    submit(lab, "taro@kaisha.example")
    assert lab.inbox("taro@kaisha.example")
    assert {entry.queue_id for entry in lab.log} >= {"Q00001"}


# Mail servers


def test_a_message_travels_from_submission_to_mailbox(lab: Lab) -> None:
    sent = submit(lab, "alice@bigmail.example")
    assert sent.outcome is Outcome.OPEN and sent.encrypted
    (mail,) = lab.inbox("alice@bigmail.example")
    assert (mail.envelope_sender, mail.header_from) == ("<hanako@kaisha.example>", "hanako@kaisha.example")
    head = email.message_from_bytes(mail.message, policy=policy.default)
    newest, oldest = head.get_all("Received")
    assert "from office.kaisha.example (office.kaisha.example [192.0.2.20])" in str(oldest)
    assert "by smtp.kaisha.example with ESMTPSA" in str(oldest)
    assert "from smtp.kaisha.example (smtp.kaisha.example [192.0.2.58])" in str(newest)
    assert "by mx1.bigmail.example with ESMTPS" in str(newest)
    assert "Tue, 24 Nov 2026 00:00:00 +0000" in str(newest)


def test_submission_mends_what_is_missing(lab: Lab) -> None:
    submit(lab, "taro@kaisha.example", content=b"From: hanako@kaisha.example\r\n\r\nShort.\r\n")
    (mail,) = lab.inbox("taro@kaisha.example")
    head = email.message_from_bytes(mail.message)
    assert head["Date"] == "Tue, 24 Nov 2026 00:00:00 +0000"
    assert head["Message-ID"].endswith("@smtp.kaisha.example>")


def test_no_relaying_for_strangers(lab: Lab, net: Network) -> None:
    sent = deliver(net, "mx.kaisha.example", "alice@bigmail.example")
    assert (sent.outcome, sent.reply) == (
        Outcome.REJECTED,
        "554 5.7.1 <alice@bigmail.example>: Relay access denied",
    )


def test_relaying_for_ones_own(lab: Lab) -> None:
    sent = send(
        "smtp.isp.example",
        25,
        message(),
        sender="jiro@isp.example",
        recipients=["info@example.jp"],
        net=patient(lab.network("home")),
    )
    assert sent.outcome is Outcome.OPEN
    assert len(lab.inbox("info@example.jp")) == 1


def test_unknown_users_are_refused_at_the_door(lab: Lab, net: Network) -> None:
    sent = deliver(net, "mx.kaisha.example", "nobody@kaisha.example")
    assert sent.reply == "550 5.1.1 <nobody@kaisha.example>: there is no such mailbox"
    assert deliver(net, "mx.kaisha.example", "TARO@Kaisha.Example").outcome is Outcome.OPEN
    assert len(lab.inbox("taro@kaisha.example")) == 1


def test_submission_wants_tls_and_then_a_login(lab: Lab, net: Network) -> None:
    client = SMTP(net, "smtp.kaisha.example", 587)
    client.open()
    client.introduce()
    assert str(client.say("MAIL FROM:<hanako@kaisha.example>")) == "530 5.7.0 Must issue a STARTTLS command first"
    assert client.say("AUTH PLAIN AGhhbmFrbwB4").code in (530, 538)
    client.secure(net.tls_context())
    assert str(client.say("MAIL FROM:<hanako@kaisha.example>")) == "530 5.7.0 Authentication required"
    client.login(lab.account("hanako@kaisha.example"))
    assert client.reply is not None and client.reply.code == 235
    assert client.say("MAIL FROM:<hanako@kaisha.example>").code == 250
    client.leave()


@pytest.mark.parametrize("user", ["hanako@kaisha.example", "nobody@kaisha.example", "alice@bigmail.example"])
def test_wrong_logins_are_refused(lab: Lab, net: Network, user: str) -> None:
    client = SMTP(net, "smtp.kaisha.example", 587)
    client.open()
    client.introduce()
    client.secure(net.tls_context())
    password = lab.account(user).password if user.startswith("alice") else "wrong"
    with pytest.raises(Exception, match="535"):
        client.login(Credentials(user, password))
    client.leave()


def test_a_relay_offers_no_login(lab: Lab, net: Network) -> None:
    client = SMTP(net, "mx.kaisha.example", 25)
    client.open()
    client.introduce()
    assert not client.offer.has("AUTH")
    client.secure(net.tls_context())
    assert not client.offer.has("AUTH")
    client.leave()


@pytest.mark.parametrize(
    "command",
    [
        b"RCPT TO:<\xff\xfe@kaisha.example>",
        b"MAIL FROM:<\xff@x.example>",
        b"RCPT TO:<@>",
        b"RCPT TO:<>",
        b"EHLO " + b"x" * 600,
        b"EHLO <script>\x1b[2J",
        b"\x00\x01\x02",
        b"MAIL",
        b"AUTH PLAIN ====",
        b"AUTH NONSENSE",
        b"BDAT 10",
    ],
)
def test_nonsense_does_not_break_a_server(lab: Lab, net: Network, command: bytes) -> None:
    with net.dial("mx.kaisha.example", 25) as sock:
        replies = sock.makefile("rb")
        assert replies.readline().startswith(b"220")
        for said in (b"HELO x.example", b"MAIL FROM:<a@x.example>", command, b"NOOP"):
            sock.sendall(said + b"\r\n")
            line = replies.readline()
            while line[3:4] == b"-":
                line = replies.readline()
            assert line[:1] in (b"2", b"4", b"5"), line
    assert deliver(net, "mx.kaisha.example", "taro@kaisha.example").outcome is Outcome.OPEN


# The queue, and what comes back


def bounces(lab: Lab, mailbox: str = "hanako@kaisha.example") -> list[EmailMessage]:
    found = [email.message_from_bytes(mail.message, policy=policy.default) for mail in lab.inbox(mailbox)]
    return [mail for mail in found if mail.get_content_type() == "multipart/report"]


def status_of(report: EmailMessage) -> list[dict[str, str]]:
    """Return the fields about each recipient, after checking the form of *report* (RFC 3464, RFC 6522)."""
    assert report.get_param("report-type") == "delivery-status"
    people, programs, about = report.iter_parts()
    assert people.get_content_type() == "text/plain"
    assert programs.get_content_type() == "message/delivery-status"
    assert about.get_content_type() == "text/rfc822-headers"
    assert "Subject: greetings" in about.get_content()
    message_fields, *recipients = programs.get_payload()
    assert message_fields["Reporting-MTA"] == "dns; smtp.kaisha.example"
    assert report["Auto-Submitted"] == "auto-replied"
    return [dict(block.items()) for block in recipients]


def test_a_refused_message_comes_back_at_once(lab: Lab) -> None:
    submit(lab, "nobody@bigmail.example", "alice@bigmail.example")
    (report,) = bounces(lab)
    (failed,) = status_of(report)
    assert failed["Final-Recipient"] == "rfc822; nobody@bigmail.example"
    assert (failed["Action"], failed["Status"]) == ("failed", "5.1.1")
    assert failed["Diagnostic-Code"].startswith("smtp; 550 5.1.1 <nobody@bigmail.example>: there is no such mailbox")
    assert len(lab.inbox("alice@bigmail.example")) == 1
    assert report["To"] == "hanako@kaisha.example"
    (mail,) = lab.inbox("hanako@kaisha.example")
    assert mail.envelope_sender == "<>"


def test_one_report_for_several_recipients(lab: Lab) -> None:
    submit(lab, "a@bigmail.example", "b@nowhere.kaisha.example", "c@example.com", "taro@kaisha.example")
    (report,) = bounces(lab)
    assert [(block["Final-Recipient"], block["Status"]) for block in status_of(report)] == [
        ("rfc822; a@bigmail.example", "5.1.1"),
        ("rfc822; b@nowhere.kaisha.example", "5.1.2"),
        ("rfc822; c@example.com", "5.1.10"),
    ]
    assert len(lab.inbox("taro@kaisha.example")) == 1


def test_a_null_mx_takes_no_mail(lab: Lab) -> None:
    submit(lab, "somebody@example.com")
    (failed,) = status_of(bounces(lab)[0])
    assert failed["Status"] == "5.1.10"
    assert "null MX" in failed["Diagnostic-Code"]


ODD = ["x@a..b", "x@-", f"x@{'y' * 70}.example", "postmaster", "a@[192.0.2.1]", '"quoted @ text"@b.example']


@pytest.mark.parametrize("recipient", ODD)
def test_odd_recipients_bounce_or_are_refused_but_are_not_lost(lab: Lab, recipient: str) -> None:
    sent = submit(lab, recipient)
    if sent.outcome is Outcome.OPEN:
        assert len(bounces(lab)) == 1
    else:
        assert sent.reply[:1] == "5"


def test_mail_for_a_server_that_is_down_waits_and_comes_back_after_five_days(lab: Lab) -> None:
    lab.publish("slow.kaisha.example", "MX", "10 down.mistakes.example.")
    submit(lab, "somebody@slow.kaisha.example")
    lab.settle()
    assert "dsn=4.4.1, status=deferred (connect to down.mistakes.example port 25: timeout" in events(lab)
    assert [item.recipients for item in lab._queue.waiting()] == [["somebody@slow.kaisha.example"]]
    assert bounces(lab) == []
    tries = events(lab).count("status=deferred")
    lab.advance(14 * MINUTE)
    assert events(lab).count("status=deferred") == tries
    lab.advance(MINUTE)
    assert events(lab).count("status=deferred") == tries + 1
    lab.advance(5 * DAY)
    (failed,) = status_of(bounces(lab)[0])
    assert (failed["Action"], failed["Status"]) == ("failed", "4.4.1")
    assert lab._queue.waiting() == []


def test_what_was_mended_in_time_arrives(lab: Lab) -> None:
    lab.publish("slow.kaisha.example", "MX", "10 down.mistakes.example.")
    lab.resolver.fault("example.jp", "servfail", subtree=True)
    submit(lab, "info@example.jp")
    lab.settle()
    assert "status=deferred (the DNS did not answer for example.jp)" in events(lab)
    lab.resolver.heal("example.jp")
    lab.advance(15 * MINUTE)
    assert len(lab.inbox("info@example.jp")) == 1
    assert bounces(lab) == []


def test_the_second_mx_takes_what_the_first_does_not(lab: Lab) -> None:
    lab.publish("bigmail.example", "MX", "5 down.mistakes.example.", "20 mx2.bigmail.example.")
    submit(lab, "alice@bigmail.example")
    (mail,) = lab.inbox("alice@bigmail.example")
    assert b"by mx2.bigmail.example" in mail.message


def test_a_bounce_that_cannot_be_delivered_ends_there(lab: Lab) -> None:
    sent = send(
        "smtp.kaisha.example",
        587,
        message(),
        sender="gone@kaisha.example",
        recipients=["nobody@bigmail.example"],
        net=patient(lab.network()),
        credentials=lab.account("hanako@kaisha.example"),
    )
    assert sent.outcome is Outcome.OPEN
    lab.settle()
    assert events(lab).count("sender non-delivery notification") == 1
    assert events(lab).count("double bounce, dropped") == 1
    assert lab._queue.waiting() == []


def test_a_null_sender_that_is_submitted_gets_no_bounce(lab: Lab) -> None:
    sent = send(
        "smtp.kaisha.example",
        587,
        message(),
        sender="",
        recipients=["nobody@bigmail.example"],
        net=patient(lab.network()),
        credentials=lab.account("hanako@kaisha.example"),
    )
    assert sent.outcome is Outcome.OPEN
    lab.settle()
    assert "double bounce, dropped" in events(lab)


def test_home_cannot_send_directly_and_the_bounce_says_why(lab: Lab) -> None:
    sent = send(
        "mta.home.arpa",
        25,
        message(sender="taro@home.arpa"),
        sender="taro@home.arpa",
        recipients=["info@example.jp"],
        net=patient(lab.network("home")),
    )
    assert sent.outcome is Outcome.OPEN
    lab.settle()
    assert "status=deferred (connect to mx.example.jp port 25: timeout" in events(lab)
    lab.advance(5 * DAY)
    (report,) = bounces(lab, "taro@home.arpa")
    assert "port 25: timeout" in report.as_string()


def test_an_intercepted_message_does_not_arrive(lab: Lab) -> None:
    sent = deliver(patient(lab.network("intercepted")), "mx.kaisha.example", "taro@kaisha.example")
    assert sent.outcome is Outcome.REJECTED
    assert not lab.inbox("taro@kaisha.example")


def test_header_lines_of_the_bounced_message_cannot_break_the_report(lab: Lab) -> None:
    hostile = b"Subject: greetings\r\nX: --Q00002/smtp.kaisha.example\r\nY: \xff\xfe\r\n\r\nBody\r\n"
    submit(lab, "nobody@bigmail.example", content=hostile)
    (report,) = bounces(lab)
    (failed,) = status_of(report)
    assert failed["Status"] == "5.1.1"


def test_a_sender_of_another_script(lab: Lab) -> None:
    sent = submit(lab, "太郎@bigmail.example")
    assert sent.outcome is not Outcome.OPEN or len(bounces(lab)) == 1


# Using it


def test_hostile_mail_is_shown_harmlessly(lab: Lab, net: Network) -> None:
    send(
        "mx.kaisha.example",
        25,
        b"From: <script>alert(1)</script>\r\nSubject: \x1b[2J\xe2\x80\xae<img src=x>\r\n\r\nx\r\n",
        sender="<>".strip("<>"),
        recipients=["taro@kaisha.example"],
        net=net,
    )
    rows = lab.inbox("taro@kaisha.example", "Junk")  # where mail without an author goes (RFC 9989 section 11.5)
    for page in (rows._repr_html_(), lab.log._repr_html_(), rows.frame.to_html(), rows[0]._repr_html_()):
        assert "<script>" not in page and "<img" not in page and "\x1b" not in page and "\u202e" not in page


def test_bad_arguments_are_answered_with_what_there_is(lab: Lab) -> None:
    with pytest.raises(ValueError, match=r"no mailbox 'x@kaisha\.example'; there are hanako@"):
        lab.inbox("x@kaisha.example")
    with pytest.raises(ValueError, match="no vantage point 'moon'; this network has office"):
        lab.network("moon")
    with pytest.raises(ValueError, match="no zone of this world holds"):
        lab.publish("www.nowhere.invalid", "A", "192.0.2.1")
    with pytest.raises(ValueError, match="is not the text of a A record"):
        lab.publish("www.kaisha.example", "A", "banana")
    with pytest.raises(ValueError, match="needs at least one value"):
        lab.publish("www.kaisha.example", "A")
    for wrong in (-1, float("nan"), float("inf"), "soon", None, 1e18):
        with pytest.raises(ValueError, match="a clock goes forward"):
            lab.advance(wrong)  # type: ignore[arg-type]


def test_a_world_that_is_not_understood_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no world\.toml in"):
        Lab(tmp_path)
    (tmp_path / "world.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ValueError, match=r"world\.toml of .* is not understood"):
        Lab(tmp_path)
    (tmp_path / "world.toml").write_text('name = "x"', encoding="utf-8")
    with pytest.raises(ValueError, match="is not understood"):
        Lab(world=tmp_path)


def test_a_lab_that_does_not_run_says_so() -> None:
    lab = Lab()
    with pytest.raises(RuntimeError, match="this lab is not running"):
        lab.network()
    lab.start()
    assert lab.start() is lab
    lab.close()
    lab.close()
    with pytest.raises(RuntimeError, match="make another"):
        lab.start()
    with pytest.raises(RuntimeError, match="this lab is not running"):
        lab.network()


def test_the_notebooks_own_lab_is_one() -> None:
    assert start() is start()


def test_listeners_are_for_clients_that_speak_no_socks(lab: Lab) -> None:
    port = lab.listeners["mx.kaisha.example:25"]
    with socket.create_connection(("127.0.0.1", port), 2) as sock:
        assert sock.recv(100).startswith(b"220 mx.kaisha.example")
    assert "down.mistakes.example:25" not in lab.listeners
