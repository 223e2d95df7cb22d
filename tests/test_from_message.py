"""Received messages explained: the true cause of each failure, now and then, and whom to believe."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support_messages import CASES, KEY_NAME, OTHER, OURS, RECEIVER, THEIRS, delivered, mail, publish, signed, trace
from support_servers import closed_port
from support_spf_dns import DnsServer

from mailkit import report
from mailkit.figures import trace as trace_figure
from mailkit.network import internet
from mailkit.report.advice import ADVICE
from mailkit.report.causes import Cause
from mailkit.results import Rows, Verdict


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    publish(dns_server)
    return dns_server


@pytest.mark.parametrize("name", CASES)
def test_each_failure_has_its_true_cause(name: str, dns: DnsServer) -> None:
    case = CASES[name]
    case.prepare(dns)
    found = report.from_message(case.message(), net=dns.net())
    expected = case.causes
    assert (found.result, [str(cause) for cause in found.causes[: len(expected)]]) == (case.result, expected)
    assert found.then == case.then and (Cause.NOT_ALIGNED in found.causes) == (str(Cause.NOT_ALIGNED) in expected)
    said = " ".join(finding.evidence for finding in found.findings)
    assert case.says in said
    for finding in found.findings:
        assert finding.evidence and finding.reference and finding.lesson in report.CHECKS | {"06_dmarc": None}
        if finding.verdict in (Verdict.FAIL, Verdict.WARN) and finding.check != "DMARC":
            assert finding.advice, finding


def test_there_are_thirty_kinds_of_failure_and_every_cause_has_its_advice() -> None:
    failing = {name for name, case in CASES.items() if case.result != "pass"}
    assert len(failing) >= 30
    assert set(ADVICE) == set(Cause)


# Who handed it over, and whom to believe.


def explained(message: bytes | str, dns: DnsServer) -> report.Explanation:
    return report.from_message(message, net=dns.net())


def test_the_sending_address_is_the_one_that_the_border_server_saw(dns: DnsServer) -> None:
    """Two of the receiver's own servers took it inside; the sender wrote a line below that bears its name."""
    dns.publish("filter.recv.test", "A", "203.0.113.11")
    lying = trace(OURS, "mail.kaisha.test", RECEIVER)
    inside = (
        b"Received: from filter.recv.test ([203.0.113.11]) by mx.recv.test with ESMTP id 2;"
        b" Tue, 24 Nov 2026 00:00:02 +0000\r\n"
    )
    store = (
        b"Received: from mx.recv.test ([10.0.0.5]) by store.recv.test with LMTP id 3;"
        b" Tue, 24 Nov 2026 00:00:03 +0000\r\n"
    )
    message = (
        b"Return-Path: <hanako@kaisha.test>\r\n" + store + inside + trace(THEIRS, "mx.recv.test", "filter.recv.test")
    )
    found = explained(message + lying + mail(), dns)
    assert (found.address, found.helo, found.receiver) == (THEIRS, "mx.recv.test", "recv.test")
    assert found.found == (
        "filter.recv.test of the receiver recv.test took it from there; "
        "the Received field below: anybody may have written it"
    )
    assert found.facts.way.own == 3 and len(found.hops) == 4 and found.causes[0] != "forwarded"


def test_mail_within_one_organization_is_judged_by_the_host_that_handed_it_over(dns: DnsServer) -> None:
    dns.publish("mail.kaisha.test", "A", OURS)
    message = (
        b"Return-Path: <hanako@kaisha.test>\r\n"
        + trace(OURS, "mail.kaisha.test", "mx.kaisha.test")
        + trace("198.51.100.9", "laptop", "mail.kaisha.test", "ESMTPSA")
        + mail()
    )
    found = explained(message, dns)
    assert (found.address, found.result) == (OURS, "pass")


def test_gmails_way_of_writing_is_understood(dns: DnsServer) -> None:
    top = (
        b"Delivered-To: ben@recv.test\r\n"
        b"Received: by 2002:a05:6f02:600b:b0:88 with SMTP id x1csp1; Tue, 24 Nov 2026 00:00:03 -0800 (PST)\r\n"
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=recv.test; s=x; b=AAAA\r\n"
        b"ARC-Authentication-Results: i=1; mx.recv.test; spf=pass smtp.mailfrom=hanako@kaisha.test\r\n"
        b"Return-Path: <hanako@kaisha.test>\r\n"
    )
    below = (
        b"Received-SPF: pass (recv.test: domain of hanako@kaisha.test designates 192.0.2.25 as permitted sender)"
        b" client-ip=192.0.2.25;\r\n"
        b"Authentication-Results: mx.recv.test;\r\n dkim=pass header.i=@kaisha.test header.s=s header.b=abc;\r\n"
        b" spf=pass (recv.test: domain of x) smtp.mailfrom=hanako@kaisha.test;\r\n"
        b" dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=kaisha.test\r\n"
    )
    found = explained(top + trace(OURS, "mail.kaisha.test") + below + signed(), dns)
    assert (found.address, found.return_path, found.result) == (OURS, "hanako@kaisha.test", "pass")
    by_field = {row.field: str(row.trust) for row in found.written}
    assert by_field["Authentication-Results"] == "unclear" and found.then == "", "it stands below the border"


THEN = "spf=pass smtp.mailfrom=kaisha.test; dmarc=pass header.from=kaisha.test"


@pytest.mark.parametrize(
    ("above", "below", "trust", "then"),
    [
        (f"Authentication-Results: {RECEIVER}; {THEN}\r\n", "", "believed", "pass"),
        (f"Authentication-Results: recv.test 1; {THEN}\r\n", "", "believed", "pass"),
        (f"authentication-results: {THEN}\r\n", "", "believed", "pass"),
        (f"Authentication-Results: gate.elsewhere.test; {THEN}\r\n", "", "unclear", ""),
        ("", f"Authentication-Results: {RECEIVER}; {THEN}\r\n", "unclear", ""),
        ("", f"Authentication-Results: evil.test; {THEN}\r\n", "forgeable", ""),
        ("", f"X: y\r\nReceived: from a by b; x\r\nAuthentication-Results: {RECEIVER}; {THEN}\r\n", "forgeable", ""),
        ("", f"ARC-Authentication-Results: i=1; {RECEIVER}; {THEN}\r\n", "forgeable", ""),
    ],
)
def test_which_fields_can_be_believed(above: str, below: str, trust: str, then: str, dns: DnsServer) -> None:
    top = b"Return-Path: <x@evil.test>\r\n" + above.encode() + trace(THEIRS, "mail.evil.test")
    found = explained(top + below.encode() + mail(), dns)
    (row,) = found.written
    assert (str(row.trust), found.then) == (trust, then) and row.why
    assert found.result == "fail", "what is written changes nothing in what is found now"


def test_then_and_now_stand_beside_each_other(dns: DnsServer) -> None:
    then = "spf=fail smtp.mailfrom=kaisha.test; dkim=temperror header.d=kaisha.test; dmarc=temperror"
    found = explained(delivered(signed(), wrote=then), dns)
    rows = {row.mechanism: (row.then, row.now, row.aligned) for row in found.identifiers}
    assert rows["spf"] == ("fail", "pass", True) and rows["dkim"] == ("temperror", "pass", True)
    assert rows["dmarc"][:2] == ("temperror", "pass")
    differences = {row.mechanism: row.difference for row in found.identifiers}
    assert "the record was changed since" in differences["spf"]
    assert "the DNS did not answer the receiver" in differences["dkim"]


def test_a_return_path_that_the_sender_may_have_written_is_not_used(dns: DnsServer) -> None:
    message = trace(THEIRS, "mail.evil.test") + b"Return-Path: <x@evil.test>\r\n" + mail()
    found = explained(message, dns)
    assert (found.return_path, found.result) == ("", "unknown")
    assert "where the sender could have written it" in found.why


def test_of_two_notes_of_the_sender_the_whole_address_is_taken(dns: DnsServer) -> None:
    """Authentication-Results may name the domain alone, Received-SPF names the address (RFC 7208 section 9.1)."""
    top = (
        f"Authentication-Results: {RECEIVER}; spf=pass smtp.mailfrom=kaisha.test\r\n"
        f"Received-SPF: pass ({RECEIVER}: x) client-ip={OURS};\r\n"
        f' envelope-from="hanako@kaisha.test"; receiver={RECEIVER}\r\n'
    )
    found = explained(top.encode() + trace(OURS, "mail.kaisha.test") + mail(), dns)
    assert (found.return_path, found.result) == ("hanako@kaisha.test", "pass")


def test_a_network_that_answers_nothing_makes_nothing_fail(dns: DnsServer) -> None:
    nobody = internet(nameservers=[f"127.0.0.1:{closed_port()}"], timeout=0.5)
    for message in (delivered(signed()), delivered(mail(), THEIRS), CASES["a mailing list"].message()):
        found = report.from_message(message, net=nobody)
        assert found.result == "unknown"
        assert Verdict.FAIL not in {finding.verdict for finding in found.findings}


def test_what_the_owner_asks_for_stands_there(dns: DnsServer) -> None:
    assert explained(delivered(mail(), THEIRS), dns).policy == "reject"
    dns.publish("_dmarc.kaisha.test", "TXT", "v=DMARC1; p=reject; t=y")
    assert explained(delivered(mail(), THEIRS), dns).policy == "quarantine"
    assert explained(delivered(mail("hanako@nowhere.test")), dns).policy == ""


def test_the_subject_is_shown_as_its_reader_sees_it(dns: DnsServer) -> None:
    message = b"From: a@kaisha.test\r\nSubject: =?utf-8?B?6KuL5rGC5pu4?=\r\n =?utf-8?q?_=E2=80=AE?=\r\n\r\nx\r\n"
    assert explained(message, dns).subject == "請求書 \\u202e"


def test_a_bounce_is_sent_on_to_the_other_explanation(dns: DnsServer) -> None:
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
    found = explained(delivered(mail(extra=kind)), dns)
    (finding,) = [finding for finding in found.findings if finding.check == "bounce"]
    assert "explain_refusal" in finding.advice and finding.verdict is Verdict.INFO


# What is handed over.


ORIGINAL = delivered(signed())


@pytest.mark.parametrize(
    "spoilt",
    [
        ORIGINAL.decode(),
        ORIGINAL.decode().replace("\r\n", "\n"),
        "\n\n" + ORIGINAL.decode(),
        "\ufeff" + ORIGINAL.decode(),
        "From hanako@kaisha.test Tue Nov 24 00:00:00 2026\n" + ORIGINAL.decode().replace("\r\n", "\n"),
        "Here is the source:\n\n" + ORIGINAL.decode(),
        "".join("    " + line for line in ORIGINAL.decode().splitlines(True)),
        "".join("> " + line for line in ORIGINAL.decode().splitlines(True)),
        "\n".join(line.lstrip() if n < 12 else line for n, line in enumerate(ORIGINAL.decode().splitlines())),
    ],
)
def test_a_paste_is_mended_and_still_verifies(spoilt: str, dns: DnsServer) -> None:
    found = explained(spoilt, dns)
    assert (found.result, found.address, found.selectors) == ("pass", OURS, ("s",))
    assert [row.now for row in found.identifiers if row.mechanism == "dkim"] == ["pass"]
    assert "pasted as text" in found.notes[-1]


def test_a_file_and_its_path_as_text(dns: DnsServer, tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(ORIGINAL)
    for given in (path, str(path)):
        found = report.from_message(given, net=dns.net())
        assert found.result == "pass" and not found.notes
    with pytest.raises(ValueError, match="cannot be read"):
        report.from_message(tmp_path / "none.eml", net=dns.net())


@pytest.mark.parametrize("nothing", ["", "hello", b"", b"\x00\xff" * 50, "\n\n\n", b"\r\n\r\nbody", "no.such.file.eml"])
def test_what_is_no_message_is_said_so(nothing: str | bytes, dns: DnsServer) -> None:
    with pytest.raises(ValueError, match="no mail message"):
        explained(nothing, dns)


@pytest.mark.parametrize("wrong", [None, 5, ["From: x"]])
def test_another_type_is_refused(wrong: object, dns: DnsServer) -> None:
    with pytest.raises(TypeError, match="bytes, a path, or the pasted text"):
        report.from_message(wrong, net=dns.net())  # type: ignore[arg-type]


# One-click unsubscribe (RFC 8058).


BOTH = "List-Unsubscribe: <https://kaisha.test/u?1>, <mailto:u@kaisha.test>\r\n"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
COVER = ["From", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post"]


@pytest.mark.parametrize(
    ("extra", "headers", "one_click", "problem"),
    [
        (BOTH + POST, COVER, True, ""),
        (BOTH + POST.replace("One-Click", "one-click"), COVER, True, ""),
        (BOTH + POST, ["From", "Subject"], False, "no DKIM signature covers both"),
        (BOTH + POST, COVER[:3], False, "no DKIM signature covers both"),
        (BOTH, COVER[:3], False, "there is no List-Unsubscribe-Post"),
        (POST, ["From", "List-Unsubscribe-Post"], False, "without a List-Unsubscribe field"),
        ("List-Unsubscribe: <mailto:u@kaisha.test>\r\n" + POST, COVER, False, "holds no HTTPS address"),
        ("List-Unsubscribe: <http://kaisha.test/u>\r\n" + POST, COVER, False, "holds no HTTPS address"),
        ("List-Unsubscribe: <https://a.test/>, <https://b.test/>\r\n" + POST, COVER, False, "holds 2 HTTPS addresses"),
        (BOTH + POST.replace("One-Click", "Yes"), COVER, False, "does not say List-Unsubscribe=One-Click"),
        (BOTH + BOTH + POST, COVER, False, "more than one List-Unsubscribe field"),
    ],
)
def test_one_click_unsubscribe(extra: str, headers: list[str], one_click: bool, problem: str, dns: DnsServer) -> None:
    found = explained(delivered(signed(mail(extra=extra), headers=headers)), dns)
    assert found.unsubscribe.one_click is one_click
    (finding,) = [f for f in found.findings if f.check == "one-click unsubscribe"]
    assert finding.verdict is (Verdict.PASS if one_click else Verdict.WARN) and problem in finding.evidence


def test_one_click_is_unknown_where_the_key_is_silent_and_absent_where_nothing_is_offered(dns: DnsServer) -> None:
    message = delivered(signed(mail(extra=BOTH + POST), headers=COVER))
    dns.withdraw(KEY_NAME, "TXT")
    dns.fail(KEY_NAME)
    assert explained(message, dns).unsubscribe.one_click is None
    publish(dns)
    dns.publish(KEY_NAME, "TXT", OTHER.record)
    assert "does not pass" in explained(message, dns).unsubscribe.problems[0]
    plain = explained(delivered(signed()), dns)
    assert not plain.unsubscribe.offered and not [f for f in plain.findings if "unsubscribe" in f.check]


# Hostile messages.


FLOODS = {
    "Received": lambda: b"".join(trace(f"198.51.{n % 256}.9", f"h{n}.evil.test") for n in range(5000)) + mail(),
    "Received of the receiver's": lambda: b"".join(trace(THEIRS, RECEIVER) for _ in range(5000)) + mail(),
    "Authentication-Results": lambda: delivered(b"Authentication-Results: x.test; spf=pass\r\n" * 10_000 + mail()),
    "Authentication-Results above": lambda: b"Authentication-Results: mx.recv.test; dmarc=pass\r\n" * 10_000 + ORIGINAL,
    "one long field": lambda: delivered(b"Authentication-Results: " + b"(" * 500_000 + b"\r\n" + mail()),
    "long Received-SPF": lambda: delivered(b"Received-SPF: pass " + b"a=b;" * 100_000 + b"\r\n" + mail()),
    "fields": lambda: delivered(b"X: y\r\n" * 100_000 + mail()),
    "a large header": lambda: delivered(b"X: " + b"y" * 3_000_000 + b"\r\n" + mail()),
    "a large message": lambda: delivered(mail(body="x" * 50_000_000)),
    "nested parts": lambda: delivered(
        mail(
            extra="Content-Type: multipart/mixed; boundary=b\r\n",
            body="--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 20_000,
        )
    ),
    "signatures": lambda: delivered(signed().partition(b"From:")[0] * 300 + mail()),
    "NULs": lambda: delivered(mail().replace(b"Minutes", b"\x00\x1b[2J<script>") + b"\x00" * 1000),
    "a broken header": lambda: delivered(b"no colon here\r\n" + mail()),
    "unsubscribing": lambda: delivered(mail(extra="List-Unsubscribe: " + "<https://a>," * 50_000 + "\r\n")),
    "From": lambda: delivered(mail(author="a@a.test," * 50_000)),
    "indented text": lambda: "\n".join([" From: a@kaisha.test"] + [" X: y"] * 100_000),
    "lines without a colon": lambda: "\n".join(["From: a@kaisha.test"] + ["x"] * 100_000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_hostile_messages_are_bounded(kind: str, dns: DnsServer) -> None:
    message = FLOODS[kind]()
    begin = time.process_time()
    found = explained(message, dns)
    shown = found._repr_html_()
    assert time.process_time() - begin < 20
    assert len(shown) < 400_000 and "<script>" not in shown and "\x1b" not in shown and "\x00" not in shown
    assert isinstance(found.findings, Rows) and len(found.hops) <= 100 and len(found.written) <= 20


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("line", [b" y", b"X: y", b"y"])
def test_of_a_header_that_is_not_read_to_its_end_nothing_is_missing(line: bytes, end: bytes, dns: DnsServer) -> None:
    """Its From field stands behind what is too much."""
    for flood in (b"X: y" + end + (line + end) * 500_000, b"X: y" + end + b"no colon" + end + (line + end) * 60_000):
        found = explained(flood + b"From: a@kaisha.test" + end + end + b"x" + end, dns)
        assert found.result == "unknown" and "no From field" not in found.why, found.why


def test_what_was_cut_is_said(dns: DnsServer) -> None:
    assert "of 5,000 Received fields the topmost 100 were read" in explained(FLOODS["Received"](), dns).notes
    assert (
        "of 10,000 such fields the topmost 20 were read"
        in explained(FLOODS["Authentication-Results"](), dns).written.caption
    )
    large = explained(FLOODS["a large message"](), dns)
    assert large.causes[0] is Cause.TOO_LARGE and "more than 32 MiB" in large.findings[1].evidence
    assert (large.result, large.author) == ("pass", "hanako@kaisha.test"), "SPF needs no body"
    forged = explained(delivered(mail(body="x" * 50_000_000), THEIRS), dns)
    assert forged.result == "unknown" and "only its header was read" in forged.why


# The picture.


def test_the_trace_shows_the_way_and_what_speaks_for_the_author(dns: DnsServer) -> None:
    CASES["a mailing list"].prepare(dns)
    picture = trace_figure.trace(explained(CASES["a mailing list"].message(), dns), title="Over a list")
    assert picture.alt.splitlines() == [
        "Over a list",
        "mail.list.test, from mail.kaisha.test [192.0.2.25] with ESMTPS: anybody may have written this",
        "mx.recv.test, from mail.list.test [203.0.113.130] with ESMTPS: the receiver took it here",
        "SPF list.test: now pass, then not noted, another's name",
        "DKIM kaisha.test: now fail, then not noted, aligned, no pass",
        "DMARC kaisha.test: now fail, then not noted",
        "DMARC for hanako@kaisha.test: fail",
    ]
    drawn = [text.get_text() for text in picture.figure.axes[0].texts]
    assert {"60 s later", "who speaks", "now", "then", "for the author?"} <= set(drawn)
    assert picture.png().startswith(b"\x89PNG") and all(
        text.get_fontsize() >= 10 for text in picture.figure.axes[0].texts
    )


@pytest.mark.parametrize("kind", ["Received", "NULs", "From", "signatures", "a broken header"])
def test_the_trace_of_a_hostile_message_is_drawn(kind: str, dns: DnsServer) -> None:
    picture = trace_figure.trace(explained(FLOODS[kind](), dns))
    assert picture.png().startswith(b"\x89PNG") and len(picture.alt) < 5000
    assert "\x1b" not in picture.alt and "\x00" not in picture.alt


def test_a_message_that_nobody_received_has_a_trace_too(dns: DnsServer) -> None:
    assert "no Received field" in trace_figure.trace(explained(mail(), dns)).alt


def test_what_passed_then_and_fails_now_blames_nobody(dns: DnsServer) -> None:
    """The key was changed after the message had arrived."""
    CASES["the key rotated since"].prepare(dns)
    found = explained(CASES["the key rotated since"].message(), dns)
    assert (found.result, found.then) == ("fail", "pass")
    assert {finding.verdict for finding in found.findings} == {Verdict.INFO}
    assert "then the receiver found pass, and that is what counted" in found.findings[0].evidence
