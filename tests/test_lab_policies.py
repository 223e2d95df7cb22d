"""The practice internet's policies on TLS: who refuses what, when the man in the middle sits between mail servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailkit import transport_policy
from mailkit.clients import send
from mailkit.figures.transport_policy import who_refuses
from mailkit.lab import ca
from mailkit.lab.attacks.attackers import Attacker, attack
from mailkit.lab.attacks.senders import SENDERS as SENDING
from mailkit.lab.attacks.senders import post, try_senders
from mailkit.lab.core import Lab
from mailkit.lab.router import Decision
from mailkit.lab.web.pages import Page, Pages
from mailkit.lab.world import Action
from mailkit.lab.world_file import load

DOMAIN, MX = "kaisha.example", "mx.kaisha.example"
OPPORTUNISTIC = ("jiro@isp.example", "smtp.isp.example")
STS = ("alice@bigmail.example", "smtp.bigmail.example")
DANE = ("shop@sender.example", "smtp.sender.example")
BOTH = ("admin@cloud.example", "mail.cloud.example")
SENDERS = [OPPORTUNISTIC, STS, DANE, BOTH]
DAY = 86400
POLICY = "version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: 604800\r\n"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab
        assert lab.errors == []


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.reset()
    return running


def try_to_send(lab: Lab, who: tuple[str, str], *, to: str = f"hanako@{DOMAIN}", head: str = "") -> str:
    """Submit a message as *who*, and return what its server's log says of the delivery."""
    author, server = who
    text = f"From: {author}\r\nTo: {to}\r\nSubject: secret plans\r\nDate: Tue, 24 Nov 2026 00:00:00 +0000\r\n{head}\r\n"
    net = lab.network()
    sent = send(
        server, 587, f"{text}hello\r\n".encode(), sender=author, recipients=[to], net=net, timeout=60,
        credentials=lab.account(author),
    )  # fmt: skip
    assert sent.outcome == "open", sent
    lab.settle()
    own = sent.reply.split()[-1]
    lines = [row.event for row in lab.log if row.queue_id == own and row.host == server and "status=" in row.event]
    assert len(lines) == 1
    return lines[0]


def read_by(man: Attacker) -> bool:
    return any("secret plans" in line.text for line in man.overheard)


def test_what_the_worlds_domains_publish(lab: Lab) -> None:
    net = lab.network()
    found = transport_policy.mta_sts(DOMAIN, net=net)
    assert (found.valid, found.mode, found.matches(MX)) == (True, "enforce", True)
    assert transport_policy.tls_rpt(DOMAIN, net=net).rua == (f"mailto:tls-reports@{DOMAIN}",)
    assert transport_policy.dane(MX, net=net).usable is True
    assert transport_policy.mta_sts("bigmail.example", net=net).mode == "testing"
    assert transport_policy.mta_sts("isp.example", net=net).announced is False
    assert transport_policy.dane("mx.mistakes.example", net=net).means == "opportunistic"


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("mistakes.example", "2 records begin with v=STSv1"),
        ("redirect.mistakes.example", "it redirects (301)"),
        ("html.mistakes.example", "it serves text/html"),
        ("missing.mistakes.example", "it answers 404"),
        ("syntax.mistakes.example", "mode is 'enforced'"),
        ("expired-policy.mistakes.example", "the certificate has expired"),
        ("hyphen.mistakes.example", "is not 1 to 32 letters and digits"),
    ],
)
def test_each_mistake_has_its_reason(lab: Lab, domain: str, reason: str) -> None:
    found = transport_policy.mta_sts(domain, net=lab.network())
    assert found.valid is False and reason in found.reason


@pytest.mark.parametrize("who", SENDERS)
def test_everybody_delivers_where_nobody_is_on_the_way(lab: Lab, who: tuple[str, str]) -> None:
    assert "status=sent" in try_to_send(lab, who)
    with attack(lab, "watch", vantage=who[1]) as man:
        assert "status=sent" in try_to_send(lab, who)
    assert not read_by(man) and man.overheard


@pytest.mark.parametrize("kind", ["strip", "self_signed", "wrong_name", "expired"])
@pytest.mark.parametrize("who", SENDERS)
def test_who_refuses_what(lab: Lab, who: tuple[str, str], kind: str) -> None:
    try_to_send(lab, who, to=f"taro@{DOMAIN}")  # so that the policy is in the cache
    with attack(lab, kind, vantage=who[1]) as man:
        event = try_to_send(lab, who)
    if who is OPPORTUNISTIC:
        assert "status=sent" in event and read_by(man)
    else:
        assert "status=deferred" in event and "dsn=4.7.5" in event and not read_by(man)
        assert len(lab.inbox(f"hanako@{DOMAIN}")) == 0
        lab.advance(3600)  # the attacker has gone
        assert len(lab.inbox(f"hanako@{DOMAIN}")) == 1


def test_the_first_contact_is_not_protected_by_mta_sts_but_the_next_ones_are(lab: Lab) -> None:
    """An attacker who can also forge the DNS hides the record; a signed one he cannot hide."""
    lab.resolver.fault(f"_mta-sts.{DOMAIN}", "hide")
    with attack(lab, "strip", vantage=STS[1]) as man:
        assert "status=sent" in try_to_send(lab, STS)
    assert read_by(man)
    lab.resolver.heal(f"_mta-sts.{DOMAIN}")
    assert "status=sent" in try_to_send(lab, STS)
    assert [row.domain for row in lab.transport.cache(STS[1]).rows(net=lab.network())] == [DOMAIN]
    lab.resolver.fault(f"_mta-sts.{DOMAIN}", "hide")
    with attack(lab, "strip", vantage=STS[1]) as man:
        assert "status=deferred" in try_to_send(lab, STS)
        assert not read_by(man)
        lab.advance(7 * DAY)  # the policy is too old; this attempt meets him again
        assert "status=sent" in try_to_send(lab, STS)
    assert read_by(man)


def test_who_can_neither_forge_the_dns_nor_a_certificate_still_keeps_the_first_policy_away(lab: Lab) -> None:
    """He answers for the web server too, with a forged certificate: no policy, so the mail goes to him.  It is told."""
    with attack(lab, "self_signed", vantage=STS[1]) as man:
        assert "status=sent" in try_to_send(lab, STS)
    assert read_by(man)
    lab.advance(DAY)
    frame = transport_policy.read_reports([mail.message for mail in lab.inbox(f"tls-reports@{DOMAIN}")])
    assert list(frame["result_type"]) == ["sts-webpki-invalid"]


@pytest.mark.parametrize("name", [f"_25._tcp.{MX}", MX, DOMAIN])
def test_hiding_what_is_signed_delays_the_mail(lab: Lab, name: str) -> None:
    lab.resolver.fault(name, "hide")
    with attack(lab, "strip", vantage=DANE[1]) as man:
        event = try_to_send(lab, DANE)
        assert not read_by(man)
    assert "status=deferred" in event


def test_forging_the_tlsa_record_delays_the_mail(lab: Lab) -> None:
    lab.resolver.fault(f"_25._tcp.{MX}", "lie")
    event = try_to_send(lab, DANE)
    assert "status=deferred" in event and "bogus" in event


def test_testing_reports_and_delivers(lab: Lab) -> None:
    lab.publish_policy(DOMAIN, POLICY.format("testing", MX))
    assert "status=sent" in try_to_send(lab, STS)
    with attack(lab, "self_signed", vantage=STS[1]) as man:
        assert "status=sent" in try_to_send(lab, STS)
    assert read_by(man)
    lab.publish_policy(DOMAIN, POLICY.format("testing", "mail.kaisha.example"))
    lab.publish(f"_mta-sts.{DOMAIN}", "TXT", "v=STSv1; id=2")
    assert "status=sent" in try_to_send(lab, STS)
    lab.advance(DAY)
    frame = transport_policy.read_reports([mail.message for mail in lab.inbox(f"tls-reports@{DOMAIN}")])
    failures = frame[frame["failed"] > 0]
    assert set(failures["result_type"]) == {"certificate-not-trusted", "validation-failure"}
    assert failures["reason"].str.contains("does not name mx.kaisha.example").sum() == 1
    assert all("mode: testing" in text for text in failures["policy_text"])


def test_reports_come_after_a_day_to_whom_the_domain_names(lab: Lab) -> None:
    for who in SENDERS:
        try_to_send(lab, who)
        with attack(lab, "strip", vantage=who[1]):
            try_to_send(lab, who)
    assert len(lab.inbox(f"tls-reports@{DOMAIN}")) == 0
    lab.advance(DAY)
    mails = lab.inbox(f"tls-reports@{DOMAIN}")
    frame = transport_policy.read_reports([mail.message for mail in mails])
    assert set(frame["organization"]) == {"bigmail.example", "sender.example", "cloud.example"}
    assert set(frame["policy"]) == {"sts", "tlsa"}
    assert set(frame["result_type"]) == {"", "starttls-not-supported"}
    assert frame.groupby("organization", observed=True)["successful"].sum().eq(1).all()
    lab.advance(DAY)  # nothing is told twice
    later = lab.inbox(f"tls-reports@{DOMAIN}")[len(mails) :]
    told = transport_policy.read_reports([mail.message for mail in later]) if later else None
    assert told is None or told["failed"].sum() == 0


def test_a_report_is_not_held_up_by_what_it_reports(lab: Lab) -> None:
    """RFC 8460 section 3 and RFC 8689: its header says that TLS is not required."""
    with attack(lab, "strip", vantage=STS[1]):
        assert "status=deferred" in try_to_send(lab, STS)
        assert "status=sent" in try_to_send(lab, STS, head="TLS-Required: No\r\n")
        lab.advance(DAY)
        assert len(lab.inbox(f"tls-reports@{DOMAIN}")) == 1


def test_a_domain_without_a_policy_is_sent_to_as_ever(lab: Lab) -> None:
    for who in (STS, DANE, BOTH):
        assert "status=sent" in try_to_send(lab, who, to="jiro@isp.example")


# Rollover


def renew(lab: Lab, name: str) -> bytes:
    """A new certificate for the server *name*, as DER; the server shows it from now on."""
    pem = ca.issue(lab.world, name, "good")
    lab.renew_certificate(name, pem)
    begin = pem.index(b"-----BEGIN CERTIFICATE")
    return x509.load_pem_x509_certificate(pem[begin:]).public_bytes(Encoding.DER)


def test_a_certificate_rolled_over_without_its_record_stops_dane_and_not_mta_sts(lab: Lab) -> None:
    old = lab.network().lookup(f"_25._tcp.{MX}", "TLSA").records[0]
    der = renew(lab, MX)
    assert "status=deferred" in try_to_send(lab, DANE)
    assert "status=sent" in try_to_send(lab, STS)
    lab.publish(f"_25._tcp.{MX}", "TLSA", old, transport_policy.value_for(der))  # both: the right way, too late
    assert "status=sent" in try_to_send(lab, DANE)
    lab.reset()
    assert "status=sent" in try_to_send(lab, DANE)  # the old certificate is back


def test_a_rollover_done_right(lab: Lab) -> None:
    pem = ca.issue(lab.world, MX, "good")
    new = transport_policy.value_for(
        x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :]).public_bytes(Encoding.DER)
    )
    old = lab.network().lookup(f"_25._tcp.{MX}", "TLSA").records[0]
    lab.publish(f"_25._tcp.{MX}", "TLSA", old, new)
    assert "status=sent" in try_to_send(lab, DANE)
    lab.renew_certificate(MX, pem)
    assert "status=sent" in try_to_send(lab, DANE)
    lab.publish(f"_25._tcp.{MX}", "TLSA", new)
    assert "status=sent" in try_to_send(lab, DANE)


def test_a_new_mx_that_the_policy_does_not_name_stops_mta_sts(lab: Lab) -> None:
    assert "status=sent" in try_to_send(lab, STS)  # the policy is in the cache
    lab.publish(DOMAIN, "MX", "10 mx.example.net")
    event = try_to_send(lab, STS)
    assert "status=deferred" in event and "the policy does not name mx.example.net" in event


# The web server


def test_the_lab_starts_again_with_its_own_policies(lab: Lab) -> None:
    lab.publish_policy(DOMAIN, POLICY.format("testing", MX))
    assert transport_policy.mta_sts(DOMAIN, net=lab.network()).mode == "testing"
    lab.reset()
    assert transport_policy.mta_sts(DOMAIN, net=lab.network()).mode == "enforce"


def test_a_policy_may_be_served_badly(lab: Lab) -> None:
    for page, reason in (
        ({"certificate": "self_signed"}, "self-signed"),
        ({"certificate": "wrong_name"}, "does not bear this name"),
        ({"status": 302, "location": "/x"}, "redirects (302)"),
        ({"media_type": "text/html"}, "text/html"),
    ):
        lab.publish_policy(DOMAIN, POLICY.format("enforce", MX), **page)
        assert reason in transport_policy.mta_sts(DOMAIN, net=lab.network()).reason
    for page in ({"status": 700}, {"certificate": "golden"}, {"media_type": "a\r\nb"}):
        with pytest.raises(ValueError):
            lab.publish_policy(DOMAIN, "", **page)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no server"):
        lab.transport.cache("nosuch.example")


def test_only_the_policy_is_served(lab: Lab) -> None:
    import ssl

    for request, status in (
        (b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.kaisha.example\r\n\r\n", b"200"),
        (b"HEAD /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.kaisha.example\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nHost: mta-sts.kaisha.example\r\n\r\n", b"404"),
        (b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: other.example\r\n\r\n", b"404"),
        (b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n\r\n", b"404"),
        (b"\xff\x00 nonsense\r\n\r\n", b"404"),
        (b"x" * 9000, b"404"),
    ):
        plain = lab.network().dial("mta-sts.kaisha.example", 443, timeout=30)
        with lab.network().tls_context().wrap_socket(plain, server_hostname="mta-sts.kaisha.example") as secure:
            secure.sendall(request)
            said = b""
            try:
                while piece := secure.recv(4096):
                    said += piece
            except ssl.SSLEOFError:
                pass
        assert said.startswith(b"HTTP/1.1 " + status), request
        assert (b"version: STSv1" in said) is (request[:3] == b"GET" and status == b"200")


def test_a_file_of_policies_that_is_none(tmp_path) -> None:
    assert Pages(tmp_path).get("mta-sts.kaisha.example") is None
    for text in ("[", '["mta-sts.a.example"]\ntext = 1', '["mta-sts.a.example"]\ncolour = "red"', '["a b"]\ntext = ""'):
        (tmp_path / "policies.toml").write_text(text)
        with pytest.raises(ValueError, match=r"policies\.toml is not understood"):
            Pages(tmp_path)


def test_every_policy_of_the_world_has_a_host() -> None:
    world = load()
    assert [host.name for host in world.hosts.values() if 443 in host.ports]
    assert isinstance(Pages(world.folder).get("mta-sts.kaisha.example"), Page)


def test_all_senders_under_all_attacks(lab: Lab) -> None:
    trials = try_senders(lab, f"hanako@{DOMAIN}", attacks=("nobody", "watch", "strip", "self_signed", "wrong_name"))
    table = {(row.attack, row.sender): (row.delivered, row.read) for row in trials}
    first, known = "MTA-STS, first contact", "MTA-STS, policy known"
    for kind in ("nobody", "watch"):
        assert {table[kind, sender.name] for sender in SENDING} == {(True, False)}
    for kind in ("strip", "self_signed", "wrong_name"):
        assert table[kind, "opportunistic"] == (True, True)
        assert table[kind, known] == table[kind, "DANE"] == (False, False)
    assert table["strip", first] == (False, False)  # he lets HTTPS pass, so the policy is fetched at once
    assert table["self_signed", first] == table["wrong_name", first] == (True, True)
    assert "read by him" in who_refuses(trials).alt
    with pytest.raises(ValueError, match="no attack 'shout'"):
        try_senders(lab, f"hanako@{DOMAIN}", attacks=["shout"])


def test_what_a_sender_cannot_hand_in_is_no_trial(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.router, "decide", lambda *_: Decision(Action.REJECT))
    assert post(lab, SENDING[0], f"hanako@{DOMAIN}") == ""
    trials = try_senders(lab, f"hanako@{DOMAIN}", attacks=["nobody"])
    assert list(trials) == [] and "Nobody tried." in who_refuses(trials).alt
