"""Indirect mail in the practice internet: mailing lists and forwarders, and what SPF, DKIM and DMARC say at the end."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP, compat32
from email.policy import default as modern
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_lab import HANAKO, hand_in
from support_worlds import OTHER_WORLD

from mailkit.clients import Sent, send
from mailkit.lab import Lab, world_file
from mailkit.lab.mail import lists, srs
from mailkit.lab.mail.mailboxes import Mail
from mailkit.lab.world import MailingList
from mailkit.message.authentication_results import Result, parse
from mailkit.results import Outcome

ALICE, OWNER = "alice@bigmail.example", "members@list.example"
LETTER = b"From: Hanako Sato <hanako@kaisha.example>\r\nTo: plain@list.example\r\nSubject: tea\r\n\r\nAt four?\r\n"
PLAIN = MailingList("plain@list.example", "Plain", OWNER, (ALICE,))
MUNGED = MailingList("munged@list.example", "Munged", OWNER, (ALICE,), munge_from=True)
submit = partial(hand_in, content=LETTER)


def bounce_to(lab: Lab, host: str, recipient: str) -> Sent:
    """Send a bounce to *recipient*, as a stranger's server would."""
    report = b"From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered\r\n\r\nSorry.\r\n"
    net = replace(lab.network(), timeout=60.0)
    return send(host, 25, report, sender="", recipients=[recipient], net=net)


def results(mail: Mail) -> dict[str, list[Result]]:
    read = parse(message_from_bytes(mail.message, policy=compat32)["Authentication-Results"])
    assert read.problems == ()
    found: dict[str, list[Result]] = {}
    for result in read.results:
        found.setdefault(result.method, []).append(result)
    return found


def words(mail: Mail) -> dict[str, list[str]]:
    return {method: [result.result for result in found] for method, found in results(mail).items()}


def events(lab: Lab) -> str:
    return "\n".join(entry.event for entry in lab.log)


# Mailing lists.


def test_a_list_breaks_the_authors_signature_and_dmarc(lab: Lab) -> None:
    submit(lab, "plain@list.example")
    (mail,) = lab.inbox(ALICE, "Junk")
    assert mail.envelope_sender == "<plain-bounces@list.example>"
    assert (mail.header_from, mail.subject) == ("Hanako Sato <hanako@kaisha.example>", "[Plain] tea")
    said = results(mail)
    by_domain = {(r.value("header.d"), r.result) for r in said["dkim"]}
    assert by_domain == {("list.example", "pass"), ("kaisha.example", "fail")}
    assert said["spf"][0].result == "pass" and said["dmarc"][0].result == "fail"
    head = message_from_bytes(mail.message, policy=compat32)
    assert head["List-Id"] == "Plain <plain.list.example>" and head["List-Post"] == "<mailto:plain@list.example>"
    assert mail.message.endswith(b"At four?\r\n" + b"_" * 40 + b"\r\nPlain: a list at plain@list.example\r\n")
    assert "distributed to 3 members from <plain-bounces@list.example> as Q" in events(lab)
    assert [len(lab.inbox("bob@example.org")), len(lab.inbox(HANAKO, "Junk"))] == [1, 1]
    assert lab.errors == []


def test_with_munging_dmarc_passes_for_the_list(lab: Lab) -> None:
    submit(lab, "munged@list.example")
    (mail,) = lab.inbox(ALICE)
    assert mail.header_from == "Hanako Sato via Munged <munged@list.example>"
    assert message_from_bytes(mail.message, policy=compat32)["Reply-To"] == "Hanako Sato <hanako@kaisha.example>"
    (dmarc,) = results(mail)["dmarc"]
    assert (dmarc.result, dmarc.value("header.from")) == ("pass", "list.example")


def test_a_list_is_not_refused_for_the_authors_policy(lab: Lab) -> None:
    """RFC 9989 section 7.4: p=reject alone must not reject, and a list is the reason why."""
    lab.publish("_dmarc.kaisha.example", "TXT", "v=DMARC1; p=reject; rua=mailto:dmarc-reports@kaisha.example")
    submit(lab, "plain@list.example")
    assert len(lab.inbox(ALICE, "Junk")) == 1 and not lab.inbox(OWNER)


def test_bounces_go_to_the_owner_of_the_list(lab: Lab) -> None:
    lab.publish("bigmail.example", "MX", "0 .")  # takes no mail any more
    submit(lab, "plain@list.example")
    (mail,) = lab.inbox(OWNER)
    assert mail.envelope_sender == "<>" and b"5.1.10" in mail.message
    assert not lab.inbox(HANAKO)
    assert bounce_to(lab, "mail.list.example", "Plain-Bounces@list.example").outcome is Outcome.OPEN
    assert len(lab.inbox(OWNER)) == 2


def test_a_list_takes_no_bounces_and_no_message_twice(lab: Lab) -> None:
    bounce_to(lab, "mail.list.example", "plain@list.example")
    lab.settle()
    assert "dsn=5.7.1, status=bounced (a mailing list takes no bounces" in events(lab)
    submit(lab, "plain@list.example", content=b"List-Id: x <plain.list.example>\r\n" + LETTER)
    (report,) = lab.inbox(HANAKO)
    assert b"Status: 5.4.6" in report.message
    assert not lab.inbox(ALICE) and not lab.inbox(ALICE, "Junk")
    nobody = bounce_to(lab, "mail.list.example", "gone@list.example")
    assert nobody.reply == "550 5.1.1 <gone@list.example>: there is no such mailbox"


def test_a_member_that_forwards_to_the_list_makes_no_loop(tmp_path: Path) -> None:
    shutil.copytree(OTHER_WORLD, tmp_path / "loop")
    file = tmp_path / "loop" / "world.toml"
    file.write_text(
        file.read_text("utf-8")
        + """
[[mailbox]]
address = "back@firma.example"
password = "x"
forward_to = "all@post.example"

[[mailing_list]]
address = "all@post.example"
name = "All"
owner = "postmaster@post.example"
members = ["back@firma.example", "max@firma.example"]
""",
        "utf-8",
    )
    with Lab(file.parent) as lab:
        net = replace(lab.network(), timeout=60.0)
        letter = b"From: anna@brief.example\r\nSubject: x\r\n\r\nx\r\n"
        send("in.post.example", 25, letter, sender="anna@brief.example", recipients=["all@post.example"], net=net)
        assert len(lab.inbox("max@firma.example")) == 1
        (report,) = lab.inbox("postmaster@post.example")
        assert b"Status: 5.4.6" in report.message
        assert len(lab.log) < 60 and lab.errors == []


def distributed(content: bytes, mailing_list: MailingList = PLAIN) -> Message[Any, Any]:
    return message_from_bytes(lists.rewritten(content, mailing_list), policy=modern)


@pytest.mark.parametrize("mailing_list", [PLAIN, MUNGED])
@pytest.mark.parametrize("cte", ["7bit", "quoted-printable", "base64"])
def test_the_text_survives_in_every_encoding(mailing_list: MailingList, cte: str) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Hanako <hanako@kaisha.example>", "tea"
    text = "Tea at four?\n" if cte == "7bit" else "お茶は四時に?\n"
    message.set_content(text, cte=cte)
    made = distributed(message.as_bytes(policy=SMTP), mailing_list)
    leaves = [part for part in made.walk() if not part.is_multipart()]
    whole = "".join(part.get_content() for part in leaves)  # type: ignore[attr-defined]
    assert whole.replace("\r\n", "\n").startswith(text) and f"a list at {mailing_list.address}" in whole
    assert (len(leaves) == 1) == (cte == "7bit")
    assert made["Subject"] == f"[{mailing_list.name}] tea" and len(made.get_all("MIME-Version", [])) == 1


def test_parts_and_attachments_survive() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "hanako@kaisha.example", "tea"
    message.set_content("Text.\n")
    message.add_alternative("<p>HTML.</p>\n", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="x.bin")
    made = distributed(message.as_bytes(policy=SMTP))
    kinds = [part.get_content_type() for part in made.walk()]
    assert kinds[:3] == ["multipart/mixed", "multipart/mixed", "multipart/alternative"] and kinds[-1] == "text/plain"
    assert b"\x00\x01" in [part.get_payload(decode=True) for part in made.walk()]


@pytest.mark.parametrize(
    ("author", "shown"),
    [
        (b"hanako@kaisha.example", "hanako via Munged <munged@list.example>"),
        (b'"Sato, Hanako" <hanako@kaisha.example>', '"Sato, Hanako via Munged" <munged@list.example>'),
        (b"undisclosed:;", "Somebody via Munged <munged@list.example>"),
        (b"a@kaisha.example, b@kaisha.example", "a via Munged <munged@list.example>"),
    ],
)
def test_munging_of_every_author(author: bytes, shown: str) -> None:
    made = lists.rewritten(LETTER.replace(b"Hanako Sato <hanako@kaisha.example>", author), MUNGED)
    head = message_from_bytes(made, policy=compat32)
    assert head.get_all("From") == [shown] and head["Reply-To"] == author.decode()


def test_a_tag_is_put_once_and_lists_fields_are_replaced() -> None:
    made = distributed(LETTER.replace(b"tea", b"Re: [Plain] tea"))
    assert made["Subject"] == "Re: [Plain] tea"
    nested = distributed(b"List-Id: other <other.example>\r\nList-Post: NO\r\n" + LETTER)
    assert len(nested.get_all("List-Id", [])) == len(nested.get_all("List-Post", [])) == 1
    assert distributed(b"From: a@kaisha.example\r\n\r\nx")["Subject"] == "[Plain] (no subject)"
    answered = distributed(b"Reply-To: b@kaisha.example\r\n" + LETTER, MUNGED)
    assert answered.get_all("Reply-To") == ["b@kaisha.example"]


@given(author=st.binary(max_size=60), kind=st.binary(max_size=40), body=st.binary(max_size=60))
def test_any_message_is_distributed_or_a_value_error(author: bytes, kind: bytes, body: bytes) -> None:
    # A bare CR or LF is refused at the door (RFC 5321 section 2.3.8).
    author, kind, body = (octets.translate(None, b"\r\n") for octets in (author, kind, body))
    content = b"From: " + author + b"\r\nContent-Type: " + kind + b"\r\n\r\n" + body
    for mailing_list in (PLAIN, MUNGED):
        try:
            made = lists.rewritten(content, mailing_list)
        except ValueError as problem:
            assert str(problem)
            continue
        head = message_from_bytes(made, policy=compat32)
        assert len(head.get_all("List-Id", [])) == 1 and lists.has_passed(made, mailing_list)
        assert b"a list at " + mailing_list.address.encode() in made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('address = "X@post.example"', "its address is in lower case"),
        ('address = "otto@post.example"', "named twice"),
        ('address = "x@post.example"\nmembers = []', "has no members"),
        ('address = "x@post.example"\nowner = "nobody@post.example"', "there is no mailbox 'nobody@post.example'"),
        ('address = "x@post.example"\nmung_from = true', "has 'mung_from', which means nothing"),
    ],
)
def test_a_list_that_is_not_understood(tmp_path: Path, text: str, words: str) -> None:
    shutil.copytree(OTHER_WORLD, tmp_path / "wrong")
    file = tmp_path / "wrong" / "world.toml"
    rest = {"name": '"X"', "owner": '"otto@post.example"', "members": '["otto@post.example"]'}
    lines = [text, *(f"{key} = {value}" for key, value in rest.items() if f"{key} =" not in text)]
    file.write_text(file.read_text("utf-8") + "\n[[mailing_list]]\n" + "\n".join(lines) + "\n", "utf-8")
    with pytest.raises(ValueError, match=words):
        world_file.load(file.parent)


# Forwarders.


def test_a_forwarder_breaks_spf_and_dkim_survives(lab: Lab) -> None:
    submit(lab, "alumni@forward.example")
    (mail,) = lab.inbox(ALICE)
    assert mail.envelope_sender == f"<{HANAKO}>"
    found = words(mail)
    assert (found["spf"], found["dkim"], found["dmarc"]) == (["fail"], ["pass", "pass"], ["pass"])


def test_with_srs_spf_passes_for_the_forwarder(lab: Lab) -> None:
    submit(lab, "alumni-srs@forward.example")
    (mail,) = lab.inbox(ALICE)
    assert (
        mail.envelope_sender.startswith("<SRS0=") and "=kaisha.example=hanako@forward.example>" in mail.envelope_sender
    )
    said = results(mail)
    assert (said["spf"][0].result, said["spf"][0].value("smtp.mailfrom")) == ("pass", "forward.example")
    assert said["dmarc"][0].result == "pass", "by DKIM: SPF passes for another organization"
    assert "forwarded to <alice@bigmail.example> from <SRS0=" in events(lab)


def test_unsigned_forwarded_mail_fails_and_is_not_refused(lab: Lab) -> None:
    lab.publish("_dmarc.bigmail.example", "TXT", "v=DMARC1; p=reject")
    letter = LETTER.replace(b"hanako@kaisha", b"ben@bigmail")
    net = lab.host_network("smtp.bigmail.example")
    for forwarder in ("alumni@forward.example", "alumni-srs@forward.example"):
        send("mail.forward.example", 25, letter, sender="ben@bigmail.example", recipients=[forwarder], net=net)
    assert [words(mail)["dmarc"] for mail in lab.inbox(ALICE, "Junk")] == [["fail"], ["fail"]]
    assert not lab.inbox(ALICE)


def test_a_bounce_finds_its_way_back_through_srs(lab: Lab) -> None:
    lab.publish("bigmail.example", "MX", "0 .")
    submit(lab, "alumni-srs@forward.example")
    (report,) = lab.inbox(HANAKO)
    assert report.envelope_sender == "<>" and b"5.1.10" in report.message
    assert f"forwarded to <{HANAKO}> as" in events(lab)


def test_an_srs_address_made_up_or_old_is_refused(lab: Lab) -> None:
    submit(lab, "alumni-srs@forward.example")
    (mail,) = lab.inbox(ALICE)
    address = mail.envelope_sender.strip("<>")
    assert bounce_to(lab, "mail.forward.example", address.lower()).outcome is Outcome.OPEN
    made_up = address.replace("=hanako@", "=taro@")
    assert "550 5.1.1" in bounce_to(lab, "mail.forward.example", made_up).reply
    assert bounce_to(lab, "mail.forward.example", "SRS0=x@forward.example").reply.endswith("SRS0=HHHH=TT=domain=name")
    assert bounce_to(lab, "mx.kaisha.example", "SRS0=AAAA=AA=x.example=y@kaisha.example").reply.endswith("mailbox")
    lab.advance(22 * 86400)
    assert "made more than 21 days ago" in bounce_to(lab, "mail.forward.example", address).reply
    assert lab.errors == []


SECRET, NOW = b"practice secret of forward.example", datetime(2026, 11, 27, 3, 0, 46, tzinfo=UTC)


def test_srs_addresses_are_those_of_mail_srs() -> None:
    """Written by Perl's Mail::SRS 0.31 with this secret on that day."""
    first = srs.rewrite("Hanako@kaisha.example", "forward.example", secret=SECRET, now=NOW)
    assert first == "SRS0=C4jv=JQ=kaisha.example=Hanako@forward.example"
    second = srs.rewrite(first, "second.example", secret=SECRET, now=NOW)
    assert second == "SRS1=2M07=forward.example==C4jv=JQ=kaisha.example=Hanako@second.example"
    assert srs.rewrite(second, "third.example", secret=SECRET, now=NOW) == second.replace("second", "third")
    assert srs.reverse(second, secret=SECRET, now=NOW) == first
    assert srs.reverse(first, secret=SECRET, now=NOW + timedelta(days=21)) == "Hanako@kaisha.example"
    with pytest.raises(ValueError, match="more than 21 days"):
        srs.reverse(first, secret=SECRET, now=NOW + timedelta(days=22))
    for sender in ("", "x@forward.example", "x"):
        assert srs.rewrite(sender, "forward.example", secret=SECRET, now=NOW) == sender


def test_srs_beside_mail_srs(peer: Callable[[str, str], str]) -> None:
    perl = peer("perl", "perl")
    script = (
        "use Mail::SRS; my $s = Mail::SRS->new(Secret => $ARGV[0], HashLength => 4);"
        "for (@ARGV[1..$#ARGV]) { print $s->forward($_, 'forward.example'), qq(\\n) }"
    )
    senders = [
        "Hanako@kaisha.example",
        "a+b=c@x.example",
        "SRS0=abcd=AB=x.example=y@z.example",
        "SRS0+a=AB=c=d@z.example",
    ]
    run = subprocess.run([perl, "-e", script, SECRET.decode(), *senders], capture_output=True, text=True, check=False)
    if "Can't locate Mail/SRS.pm" in run.stderr:
        pytest.skip("Mail::SRS is missing: apt-get install libmail-srs-perl")
    days = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))
    ours = [[srs.rewrite(s, "forward.example", secret=SECRET, now=day) for s in senders] for day in days]
    assert run.stdout.split() in ours


LOCAL = st.text(st.sampled_from("abcXYZ019.=+-_"), min_size=1, max_size=30)


@given(local=LOCAL, days=st.integers(0, 5000))
def test_every_srs_address_leads_back(local: str, days: int) -> None:
    sender, day = f"{local}@kaisha.example", NOW + timedelta(days=days)
    made = srs.rewrite(sender, "forward.example", secret=SECRET, now=day)
    if srs.is_rewritten(sender):
        assert made.startswith("SRS1=")
        return
    assert srs.reverse(made, secret=SECRET, now=day + timedelta(days=20)) == sender
    with pytest.raises(ValueError, match="hash"):
        srs.reverse(made.replace("kaisha", "kaysha"), secret=SECRET, now=day)
