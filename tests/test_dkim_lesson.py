"""Lesson 05 in the practice internet: servers that sign, what a report says of a domain's keys, and the figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dkim_dns import NOW, SERVFAIL, serving
from support_servers import closed_port

from mailkit import clients, dkim, report, workbook
from mailkit.figures import dkim as figures
from mailkit.lab import Lab
from mailkit.lab.mail.signing import signatures
from mailkit.lab.world import PRACTICE
from mailkit.lab.world_file import load
from mailkit.network import Network, parse_paste
from mailkit.results import AuthResult, Finding, Outcome, Verdict

KEYS = PRACTICE / "keys"
MESSAGE = b"From: Hanako <hanako@kaisha.example>\r\nTo: bob@example.org\r\nSubject: Minutes\r\n\r\nSee you.\r\n"
BOTH = ("s2026._domainkey.kaisha.example", "ed2026._domainkey.kaisha.example")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def net(lab: Lab) -> Network:
    lab.reset()
    return lab.network("office")


def arrived(lab: Lab, net: Network, server: str, account: str, message: bytes, to: str) -> bytes:
    """Hand *message* in on 587 and return the copy in the mailbox *to*."""
    sent = clients.send(
        server, 587, message, sender=account, recipients=[to], net=net, credentials=lab.account(account)
    )
    assert sent.outcome is Outcome.OPEN, sent
    return lab.inbox(to)[-1].message


# Signing at the submission server.


def test_a_submitted_message_arrives_signed_twice(lab: Lab, net: Network) -> None:
    letter = arrived(lab, net, "smtp.kaisha.example", "hanako@kaisha.example", MESSAGE, "bob@example.org")
    claims = letter.split(b"\r\nReceived")[0].decode()
    assert "dkim=pass header.d=kaisha.example header.s=s2026" in claims
    assert "dkim=pass header.d=kaisha.example header.s=ed2026" in claims
    rows = dkim.verify(letter, net=net)
    assert [(row.algorithm, row.result, row.verdict) for row in rows] == [
        ("rsa-sha256", AuthResult.PASS, Verdict.PASS),
        ("ed25519-sha256", AuthResult.PASS, Verdict.PASS),
    ]
    assert {"from", "to", "subject", "date", "message-id"} <= set(rows[0].signed_headers)  # Date was added before
    assert rows[0].signed_at == net.now()


def test_two_submissions_of_the_same_message_are_signed_alike(lab: Lab, net: Network) -> None:
    letters = []
    for _ in range(2):
        lab.reset()
        letters.append(arrived(lab, net, "smtp.kaisha.example", "hanako@kaisha.example", MESSAGE, "bob@example.org"))
    assert letters[0] == letters[1]


def test_a_service_signs_for_itself_whoever_the_from_line_names(lab: Lab, net: Network) -> None:
    letter = arrived(lab, net, "smtp.sender.example", "shop@sender.example", MESSAGE, "bob@example.org")
    assert b"dkim=pass header.d=sender.example header.s=s1" in letter
    assert b"spf=pass smtp.mailfrom=sender.example" in letter


def test_the_key_of_the_note_passes_with_a_warning(lab: Lab, net: Network) -> None:
    answer = MESSAGE.replace(b"hanako@kaisha.example", b"bob@example.org")
    letter = arrived(lab, net, "mx.example.org", "bob@example.org", answer, "hanako@kaisha.example")
    (row,) = dkim.verify(letter, net=net)
    assert (row.selector, row.key_bits, row.testing, row.verdict) == ("sls.dkim", 1024, True, Verdict.WARN)


def test_a_relayed_message_is_not_signed(lab: Lab, net: Network) -> None:
    clients.send(
        "mx.example.org",
        25,
        MESSAGE,
        sender="taro@home.arpa",
        recipients=["bob@example.org"],
        net=lab.network("office"),
    )
    assert b"DKIM-Signature" not in lab.inbox("bob@example.org")[-1].message


@pytest.mark.parametrize(
    "message", [b"", b"\r\n", b"no field\r\n\r\n", b"To: x@kaisha.example\r\n\r\nno From line\r\n"]
)
def test_what_cannot_be_signed_goes_out_unsigned(message: bytes) -> None:
    assert signatures(message, BOTH, keys=KEYS, now=NOW) == b""


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_message_makes_signing_raise(message: bytes) -> None:
    fields = signatures(
        b"From: x@kaisha.example\r\n" + message, BOTH, keys=KEYS, now=datetime(2026, 11, 24, tzinfo=UTC)
    )
    assert fields == b"" or fields.count(b"DKIM-Signature: v=1;") == 2


def test_every_key_that_a_host_signs_with_is_there_labelled_and_published(net: Network) -> None:
    names = [name for host in load().hosts.values() for name in host.signs]
    assert len(names) == 8
    for name in names:
        pem = (KEYS / f"{name}.pem").read_bytes()
        assert pem.startswith(b"# Practice key of the mailkit workbook: public, worthless")
        load_pem_private_key(pem, None)
        selector, _, domain = name.partition("._domainkey.")
        assert dkim.key(domain, selector, net=net).verdict in (Verdict.PASS, Verdict.WARN)


# What the lesson shows and says.


def test_two_selectors_side_by_side_while_a_key_is_changed(lab: Lab, net: Network) -> None:
    pair = dkim.generate()
    letter = dkim.sign(MESSAGE, domain="kaisha.example", selector="s2027", key=pair, now=net.now())
    old = arrived(lab, net, "smtp.kaisha.example", "hanako@kaisha.example", MESSAGE, "bob@example.org")

    def results() -> tuple[str, str]:
        return dkim.verify(old, net=net)[0].result, dkim.verify(letter, net=net)[0].result

    assert dkim.key("kaisha.example", "s2027", net=net).verdict is Verdict.FAIL  # and a cache remembers that
    lab.publish("s2027._domainkey.kaisha.example", "TXT", pair.record, wait=False)
    assert results() == ("pass", "permerror")
    lab.advance(300)
    assert results() == ("pass", "pass")
    lab.advance(3 * 86400)
    assert results() == ("pass", "pass")  # the overlap
    lab.withdraw("s2026._domainkey.kaisha.example", "TXT", wait=False)
    assert results() == ("pass", "pass")  # from a cache
    lab.advance(300)
    assert results() == ("permerror", "pass")


def the_lesson() -> str:
    """The lesson's text and code, without line breaks."""
    (path,) = (path for path in workbook.lessons() if path.stem == "05_dkim")
    return " ".join(" ".join(cell.source for cell in workbook.read(path).cells).split())


def test_the_lesson_adds_each_of_the_fields_that_are_oversigned() -> None:
    source = the_lesson()
    assert len(dkim.OVERSIGNED_HEADERS) == 6 and "how many of the six" in source
    for name in dkim.OVERSIGNED_HEADERS:
        assert f'"{name}: ' in source, name


@pytest.mark.parametrize(
    "said",
    [
        "does not name the *envelope* recipient (RFC 6376 section 8.6)",
        '"not intended as an anti-replay defense", and verifiers may ignore it (section 3.5)',
        "two Reply-To fields: malformed (RFC 5322 section 3.6 allows one)",
        "at least four to five days (RFC 5321 section 4.5.4.1)",
        "in June 2026 Gmail noted a failure for that signature",
        "It guesses, and tries again",
        "selector `sls.dkim`, `k=rsa; t=y`",
    ],
)
def test_what_was_wrong_or_vague_in_an_earlier_lesson_stays_right(said: str) -> None:
    assert said in the_lesson()


# What a report says.


def of(found: list[Finding], selector: str) -> Finding:
    (one,) = [finding for finding in found if finding.subject.startswith(f"{selector}._domainkey.")]
    return one


def test_findings_of_the_usual_selectors(net: Network) -> None:
    found = dkim.findings("kaisha.example", net=net)
    assert [(f.check, f.verdict) for f in found] == [
        ("DKIM key", Verdict.PASS),
        ("DKIM selectors", Verdict.INFO),
    ]
    assert "s1._domainkey.sender.example" in found[0].evidence
    assert {f.lesson for f in found} == {"05_dkim"}


def test_findings_of_given_selectors(net: Network) -> None:
    found = dkim.findings("kaisha.example", net=net, selectors=["s2026", "ed2026", "nosuch"])
    # Who names a selector says that mail is signed with it.
    assert [f.verdict for f in found] == [Verdict.PASS, Verdict.PASS, Verdict.WARN]
    assert of(dkim.findings("kaisha.example", net=net, selectors=["nosuch"]), "nosuch").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("selector", "verdict", "fix"),
    [
        ("default", Verdict.FAIL, "opendkim-genkey --bits=2048 --domain=mistakes.example --selector=s202611"),
        ("s1", Verdict.FAIL, "opendkim-genkey --bits=2048"),
        ("dkim", Verdict.FAIL, 'dkim._domainkey.mistakes.example. 3600 IN TXT "v=DKIM1; p="'),
        ("mail", Verdict.WARN, 'mail._domainkey.mistakes.example. 3600 IN TXT "v=DKIM1; k=rsa; p=MII'),
        ("email", Verdict.FAIL, 'email._domainkey.mistakes.example. 3600 IN TXT "v=DKIM1; k=rsa; p=MII'),
        ("k1", Verdict.WARN, ""),
        ("selector1", Verdict.WARN, ""),
        ("google", Verdict.INFO, ""),  # a revoked key that was found by guessing
    ],
)
def test_findings_of_mistakes(net: Network, selector: str, verdict: Verdict, fix: str) -> None:
    finding = of(dkim.findings("mistakes.example", net=net), selector)
    assert (finding.verdict, finding.fix[: len(fix)]) == (verdict, fix)
    assert finding.advice and finding.reference
    assert fix or not finding.fix


@pytest.mark.parametrize("selector", ["mail", "email", "dkim"])
def test_the_fix_mends(lab: Lab, net: Network, selector: str) -> None:
    finding = of(dkim.findings("mistakes.example", net=net), selector)
    [record] = parse_paste(finding.fix)
    lab.publish(record.name, record.rdtype, record.value)
    mended = dkim.key("mistakes.example", selector, net=net)
    assert mended.revoked if selector == "dkim" else mended.verdict is Verdict.PASS


def test_unknown_is_not_fail() -> None:
    name = "_domainkey.kaisha.example"
    with serving({f"mailkit-made-up-selector-4711.{name}": SERVFAIL}) as net:
        assert [f.verdict for f in dkim.findings("kaisha.example", net=net)] == [Verdict.UNKNOWN]
    nowhere = Network("internet", "here", nameservers=(("127.0.0.1", closed_port()),), timeout=0.2)
    assert {f.verdict for f in dkim.findings("kaisha.example", net=nowhere)} == {Verdict.UNKNOWN}
    assert {f.verdict for f in dkim.findings("kaisha.example", net=nowhere, selectors=["s1"])} == {Verdict.UNKNOWN}


def test_a_domain_that_sends_nothing_needs_no_key(net: Network) -> None:
    (silent,), (sending,) = (dkim.findings(domain, net=net) for domain in ("example.com", "isp.example"))
    assert (silent.verdict, sending.verdict) == (Verdict.INFO, Verdict.WARN)
    assert "dkim.generate" in sending.advice


def test_the_report_has_this_lesson(net: Network) -> None:
    found = report.audit("kaisha.example", net=net, selectors=["s2026"], progress=False).where(lesson="05_dkim")
    assert [f.subject for f in found] == ["s2026._domainkey.kaisha.example"]


@pytest.mark.parametrize("selectors", ["s2026", ["a b"], ["x"] * 51])
def test_bad_selectors_are_refused(net: Network, selectors: list[str]) -> None:
    with pytest.raises((ValueError, TypeError), match=r"selector"):
        dkim.published_keys("kaisha.example", selectors, net=net)


def test_keys_in_words(net: Network) -> None:
    assert (
        dkim.in_words(dkim.published_keys("kaisha.example", ["s2026"], net=net))
        == "1 selector of kaisha.example: s2026 good."
    )
    words = dkim.in_words(dkim.published_keys("mistakes.example", ["default", "mail", "dkim"], net=net))
    assert words == "3 selectors of mistakes.example: mail to be looked at; default, dkim not usable."
    assert "proves nothing" in dkim.in_words(dkim.published_keys("bigmail.example", net=net))


# The figures.


def texts(picture: figures.Picture) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].texts]


def test_side_by_side_shows_every_result_in_words() -> None:
    results = {("a word changed", "simple/simple"): "fail", ("nothing", "relaxed/relaxed"): AuthResult.PASS}
    picture = figures.side_by_side(results, title="Which edits does it survive?")
    assert texts(picture).count("✗ fail") == texts(picture).count("✓ pass") == 1
    assert sum("not tried" in text for text in texts(picture)) == 2
    assert "nothing, relaxed/relaxed: pass" in picture.alt.splitlines()
    assert picture.alt.startswith("Which edits does it survive?\n")
    assert picture.png()[:4] == b"\x89PNG"


def test_side_by_side_of_nothing() -> None:
    assert "No cases." in texts(figures.side_by_side({}, title="Nothing"))


def test_side_by_side_refuses_what_is_no_result() -> None:
    for word in ("splendid", "softfail"):  # the second is a result, but of SPF
        with pytest.raises(ValueError, match=word):
            figures.side_by_side({("a", "b"): word}, title="x")


def test_key_sizes_stand_in_order_on_the_scale(net: Network) -> None:
    names = [("mistakes.example", "default"), ("example.org", "sls.dkim"), ("kaisha.example", "s2026")]
    names += [("kaisha.example", "ed2026"), ("mistakes.example", "dkim")]
    picture = figures.key_sizes([dkim.key(*name, net=net) for name in names])
    axes = picture.figure.axes[0]
    ends = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    rules = [line.get_xdata()[0] for line in axes.lines if line.get_zorder() == 1]
    assert ends == pytest.approx([rules[0], rules[1], rules[2]])  # 512, 1024 and 2048 bits
    assert [line.partition(": ")[2] for line in picture.alt.splitlines()[1:]] == [
        "512 bits",
        "1024 bits",
        "2048 bits",
        "Ed25519, 256 bits: not on the scale of RSA",
        "no key to measure",
    ]
    assert picture.png() == picture.png()


def test_key_sizes_of_none_and_of_many(net: Network) -> None:
    one = dkim.key("kaisha.example", "s2026", net=net)
    assert figures.key_sizes([]).alt == "How long are the keys?"
    assert "8 more are not shown" in figures.key_sizes([one] * 20).alt
