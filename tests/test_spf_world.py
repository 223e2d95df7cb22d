"""SPF in the practice internet: the records of its zones, a forwarder, what receivers stamp, what exercises publish."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support_notebooks import sections, shown

from mailkit import clients, lab, report, spf, workbook
from mailkit.exercises import spf as exercises
from mailkit.exercises.feedback import FeedbackKind
from mailkit.figures import spf as figure
from mailkit.lab import Lab
from mailkit.lab.mail.checks import CHECKS, Evidence, Incoming
from mailkit.network import Network
from mailkit.results import Outcome, Verdict

LETTER = b"From: Hanako <hanako@kaisha.example>\r\nSubject: Invoice\r\n\r\nPlease pay.\r\n"
STRANGER = "203.0.113.77"
SERVICES = "include:_spf.sender.example include:_crm.sender.example include:_bill.sender.example"


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def net(world: Lab) -> Iterator[Network]:
    yield world.network()
    world.reset()


# --- records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "check", "verdict", "evidence"),
    [
        ("many", "lookups", Verdict.FAIL, "13 lookups"),
        ("loop", "includes", Verdict.FAIL, "leads back to itself"),
        ("void", "void lookups", Verdict.FAIL, "3 lookups find nothing"),
        ("plusall", "all", Verdict.FAIL, "everyone passes"),
        ("noall", "all", Verdict.WARN, "no all"),
        ("late", "ignored terms", Verdict.WARN, "never used: include:_spf.sender.example"),
        ("twice", "record", Verdict.FAIL, "2 records"),
        ("ptr", "ptr", Verdict.WARN, "ptr of ptr.mistakes.example"),
        ("typo", "syntax", Verdict.FAIL, "no such mechanism"),
        ("glued", "strings", Verdict.WARN, "192.0.2.201include:"),
        ("curly", "record", Verdict.WARN, "looks like SPF, but is none"),
        ("helo", "who may send", Verdict.FAIL, "the client chooses"),
        ("wide", "who may send", Verdict.FAIL, "great part of the internet"),
        ("crowd", "mx hosts", Verdict.FAIL, "11 hosts"),
        ("dangling", "includes", Verdict.FAIL, "_spf.lapsed.example"),
    ],
)
def test_each_mistake_gives_the_finding_it_is_meant_for(
    net: Network, name: str, check: str, verdict: Verdict, evidence: str
) -> None:
    findings = spf.lint(f"{name}.mistakes.example", net=net)
    (found,) = findings.where(check=f"SPF {check}")
    assert found.verdict is verdict and evidence in found.evidence
    # One mistake a name; joined strings also break the syntax, and a dead include is also a lookup that finds nothing.
    assert sum(f.verdict in (Verdict.FAIL, Verdict.WARN) for f in findings) == (
        2 if name in ("glued", "dangling") else 1
    )


@pytest.mark.parametrize(
    "domain", ["kaisha.example", "sender.example", "_spf.sender.example", "shared.mistakes.example"]
)
def test_the_others_have_nothing_to_mend(net: Network, domain: str) -> None:
    assert {f.verdict for f in spf.lint(domain, net=net)} <= {Verdict.PASS, Verdict.INFO}


def test_the_well_run_company_still_scores_full_marks(net: Network) -> None:
    found = report.audit("kaisha.example", net=net, progress=False)
    assert {f.verdict for f in found} <= {Verdict.PASS, Verdict.INFO}


def test_thirteen_lookups_fail_the_last_senders_only(net: Network) -> None:
    results = [spf.check(ip, "many.mistakes.example", "c.example", net=net).result for ip in exercises.SENDERS]
    assert results == ["pass"] * 6 + ["permerror"] * 2


def test_the_records_of_the_note(net: Network) -> None:
    names = ("example.com", "example.net", "example.jp")
    assert [spf.check("192.0.2.1", name, "c.example", net=net).result for name in names] == ["fail", "pass", "none"]


def test_whoever_takes_a_lapsed_name_may_send(world: Lab, net: Network) -> None:
    victims = ("dangling.mistakes.example", "promo.mistakes.example")
    assert [spf.check(STRANGER, v, "c.example", net=net).result for v in victims] == ["permerror", "none"]
    world.publish("_spf.lapsed.example", "TXT", f"v=spf1 ip4:{STRANGER} -all")
    world.publish("promo.lapsed.example", "TXT", f"v=spf1 ip4:{STRANGER} -all")
    assert [spf.check(STRANGER, v, "c.example", net=net).result for v in victims] == ["pass", "pass"]


def test_a_neighbour_in_a_shared_range_may_send(net: Network) -> None:
    assert spf.check(STRANGER, "shared.mistakes.example", "c.example", net=net).result == "pass"


# --- delivery -----------------------------------------------------------------------------------------------------


def test_a_forwarder_keeps_the_envelope_sender_and_spf_fails(world: Lab, net: Network) -> None:
    sent = clients.send(
        "smtp.kaisha.example",
        587,
        LETTER,
        sender="hanako@kaisha.example",
        recipients=["old@forward.example"],
        net=net,
        credentials=world.account("hanako@kaisha.example"),
    )
    assert sent.outcome is Outcome.OPEN
    (arrived,) = world.inbox("bob@example.org")
    assert arrived.envelope_sender == "<hanako@kaisha.example>"
    assert not world.inbox("old@forward.example")
    last, first = message_from_bytes(arrived.message).get_all("Received-SPF", [])
    assert last.startswith("fail (mx.example.org:") and "client-ip=203.0.113.140" in last
    assert first.startswith("pass (mail.forward.example:") and "client-ip=192.0.2.58" in first
    results = message_from_bytes(arrived.message).get_all("Authentication-Results", [])[0]
    assert "spf=fail" in results and "dkim=pass" in results
    assert any("forwarded to <bob@example.org>" in line.event for line in world.log)


def test_a_forwarded_message_that_is_refused_bounces_to_its_sender(world: Lab, net: Network) -> None:
    world.publish("example.org", "MX", "0 .")  # takes no mail any more
    clients.send(
        "mail.forward.example",
        25,
        LETTER,
        sender="hanako@kaisha.example",
        recipients=["old@forward.example"],
        net=net,
    )
    (bounced,) = world.inbox("hanako@kaisha.example")
    assert bounced.envelope_sender == "<>" and b"5.1.10" in bounced.message


def test_a_letter_in_anothers_name_passes_by_its_envelope(world: Lab, net: Network) -> None:
    world.lift("cloud")
    clients.send(
        "mx.example.org",
        25,
        LETTER,
        sender="news@spoof.example",
        recipients=["bob@example.org"],
        net=world.network("cloud"),
    )
    (arrived,) = world.inbox("bob@example.org")
    assert arrived.header_from == "Hanako <hanako@kaisha.example>"
    stamp = arrived.fields("Received-SPF")
    assert stamp.startswith("Received-SPF: pass (") and len(stamp.splitlines()) > 4


@pytest.mark.parametrize("sender", ['"x) client-ip=y; z"@kaisha.example', ""])
def test_the_stamp_is_one_folded_field_that_unfolds_to_what_was_found(world: Lab, net: Network, sender: str) -> None:
    world.lift("cloud")
    cloud = world.network("cloud")
    clients.send("mx.example.org", 25, LETTER, sender=sender, recipients=["bob@example.org"], net=cloud)
    (arrived,) = world.inbox("bob@example.org")
    head = arrived.message.split(b"\r\n\r\n")[0]
    receiver = replace(net, local_hostname="mx.example.org")
    expected = spf.check(STRANGER, sender, cloud.local_hostname, net=receiver).received_spf
    assert expected in head.replace(b"\r\n ", b" ").decode("ascii").split("\r\n")
    stamp = arrived.fields("Received-SPF").splitlines()
    assert max(map(len, stamp)) <= 78 and all(line.strip() for line in stamp)  # RFC 5322 section 2.1.1


def test_a_client_cannot_put_results_into_the_receivers_mouth(world: Lab, net: Network) -> None:
    host = world.world.hosts["mx.example.org"]
    incoming = Incoming(host, "Q1", STRANGER, "c.example", 'x@a"; dkim=pass', ("bob@example.org",), LETTER, "ESMTP")
    (result,) = CHECKS["spf"](incoming, net, Evidence(incoming, net)).results
    assert result.text == r'spf=none smtp.mailfrom="a\"; dkim=pass"'


# --- exercises ----------------------------------------------------------------------------------------------------


def test_a_record_is_tried_without_changing_the_world() -> None:
    own, question = lab.start(), replace(exercises.q1)
    own.reset()
    net = own.network()
    before = spf.record("many.mistakes.example", net=net).text
    assert question.check(question.right[0]).kind is FeedbackKind.RIGHT
    assert spf.record("many.mistakes.example", net=net).text == before


def test_a_rerun_of_the_lesson_leaves_the_learners_record_alone(tmp_path: Path) -> None:
    (path,) = (path for path in workbook.lessons() if path.stem == "04_spf")
    notebook = workbook.read(path)
    setup, *rest = sections(notebook)
    (section,) = (section for section in rest if any("q1.check(" in cell.source for _, cell in section.cells))
    (mistakes,) = (section for section in rest if any('"plusall"' in cell.source for _, cell in section.cells))
    above = [cell for heading, cell in section.cells if heading.startswith("Experiment")]
    (mine,) = (cell for _, cell in section.cells if "q1.check(" in cell.source)
    answered = new_code_cell(mine.source.replace("record = ...", f"record = {exercises.q1.right[0]!r}", 1))
    again = new_code_cell(mine.source.partition("\n")[2])  # the record is the one that was written above
    cells = [cell for _, cell in setup.cells] + above + [answered] + above + [cell for _, cell in mistakes.cells]
    ran = workbook.execute(new_notebook(cells=[new_code_cell(cell.source) for cell in [*cells, again]]), tmp_path)
    first, last = ran.cells[len(setup.cells) + len(above)], ran.cells[len(ran.cells) - 1]
    assert shown(first) == shown(last)
    assert "✓ right" in shown(last) and "7 lookups" in shown(last) and "permerror" not in shown(last)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ("v=spf1 ip4:192.0.2.208/29 -all", "`203.0.113.41` (newsletter) gets fail"),
        (
            "v=spf1 ip4:192.0.2.210 ip4:192.0.2.211 ip4:192.0.2.212 ip4:192.0.2.213 ip4:203.0.113.41 "
            "ip4:203.0.113.46 ip4:203.0.113.162 ip4:203.0.113.165 -all",
            "only an include moves with it",
        ),
        ("v=spf1 ip4:192.0.2.208/29 ip4:203.0.113.40/29 ip4:203.0.113.160/29 -all", "a neighbour of your hosts"),
        ("v=spf1 ip4:192.0.2.208/29 a a a a a a a a a a a -all", "more than 10 terms"),
        ("v=spf1 +all", "`198.51.100.50` (the cancelled survey service) gets pass"),
        ("v=spf1 ipv4:192.0.2.210 -all", "there is no such mechanism"),
        ('many.mistakes.example. IN TXT "v=spf1 -all"', "the text of one record"),
        ("v=spf1 \u202e -all", "ASCII"),
        ("v=spf1 " + "ip4:192.0.2.210 " * 200 + "-all", "advises to stay below 450 octets"),
        *(
            (f"v=spf1 a mx ip4:192.0.2.212/31 {SERVICES} {term} -all", sentence)
            for term, sentence in (
                ("ip4:10.0.0.0/8", "`ip4:10.0.0.0/8` lets `10.0.0.0` in too"),
                ("ip4:192.0.2.230", "`ip4:192.0.2.230` lets `192.0.2.230` in too"),
                ("ip6:2001:db8:7::/64", "lets `2001:db8:7::` in too"),
                ("a:mx.kaisha.example", "`a:mx.kaisha.example` lets `192.0.2.25` in too"),
                ("include:sender.example", "hosts of others that none of your senders needs"),
                ("exists:%{i}.ok.example.net", "depends on names that others choose"),
                ("ptr:kaisha.example", "depends on names that others choose"),
            )
        ),
    ],
)
def test_what_is_wrong_with_a_record_is_said(record: str, sentence: str) -> None:
    feedback = replace(exercises.q1).check(record)
    assert feedback.kind is FeedbackKind.WRONG and sentence in feedback.text
    lab.start().reset()


# --- the matrix ---------------------------------------------------------------------------------------------------


def test_a_matrix_shows_each_result_of_each_sender(net: Network) -> None:
    names = {"192.0.2.58": "smtp.kaisha.example", "192.0.2.1": ""}
    domains = ("kaisha.example", "example.net", "mistakes.example", "example.jp", "many.mistakes.example")
    picture = figure.matrix([spf.check(ip, d, "c.example", net=net) for ip in names for d in domains], names=names)
    assert picture.png().startswith(b"\x89PNG")
    drawn = [text.get_text() for text in picture.figure.axes[0].texts]
    assert drawn.count("✓ pass") == 2 and drawn.count("✗ fail") == 2
    assert drawn.count("! neutral") == drawn.count("– none") == drawn.count("✗ permerror") == 2
    assert {"smtp.kaisha.example", "192.0.2.58", "192.0.2.1", "example.net", "many."} <= set(drawn)
    assert "fail: it may not" in drawn and "softfail: probably not; mark it" not in drawn
    assert picture.alt.splitlines()[2].startswith("192.0.2.1: kaisha.example fail, example.net pass, mistakes.example")


def test_a_matrix_says_what_it_leaves_out_and_can_be_empty(net: Network) -> None:
    one = spf.check("192.0.2.1", "example.net", "c.example", net=net)
    many = [replace(one, ip=f"192.0.2.{i}", domain=f"{'x' * 60}{j}.example") for i in range(20) for j in range(7)]
    picture = figure.matrix(many, title="Many")
    assert picture.png()
    assert picture.alt.splitlines()[0] == "Many" and picture.alt.endswith(
        "Not shown: 8 of the addresses, 2 of the domains."
    )
    assert len(picture.alt.splitlines()) == 1 + 12 + 1
    assert figure.matrix([]).png()
