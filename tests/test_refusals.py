"""Refusals explained: replies, log lines and bounces as people paste them, each with the meaning that is its own."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkit import datasets, report
from mailkit.report.refused import MAX_CHARACTERS, MAX_REFUSALS

GSMTP = "ab12cd34-20020a1.113 - gsmtp"
PTR = "the sending address has no reverse name"

# What is pasted -> code, enhanced code, who said it, the begin of what it means.
REPLIES = [
    # RFC 7372, RFC 7505, RFC 5321: anybody's.
    ("550 5.7.20 No passing DKIM signature found", "550", "5.7.20", "", "no DKIM signature passed"),
    ("550 5.7.21 x", "550", "5.7.21", "", "a DKIM signature passed, but none that the receiver accepts"),
    ("550 5.7.22 x", "550", "5.7.22", "", "a DKIM signature passed, but none of the author's own domain"),
    ("550 5.7.23 SPF validation failed", "550", "5.7.23", "", "SPF failed"),
    ("451 4.7.24 SPF validation error", "451", "4.7.24", "", "SPF could not be evaluated just now"),
    ("550 5.7.25 Reverse DNS validation failed", "550", "5.7.25", "", "the reverse name of the sending address"),
    ("550 5.7.26 Multiple authentication checks failed", "550", "5.7.26", "", "several ways to authenticate"),
    ("556 5.1.10 Recipient address has null MX", "556", "5.1.10", "", "the recipient's domain has a null MX"),
    ("554 5.7.1 <a@b.example>: Relay access denied", "554", "5.7.1", "", "refused by policy: no relaying"),
    ("550 5.7.1 We do not like this", "550", "5.7.1", "", "refused by policy: the receiver does not want"),
    ("550 relay not permitted", "550", "", "", "refused: no such mailbox, or by policy"),
    ("535 5.7.8 Error: authentication failed", "535", "5.7.8", "", "wrong name or password"),
    ("454 4.7.1 <a@b.example>: Relay access denied", "454", "4.7.1", "", "refused by policy: no relaying"),
    ("451 4.7.25 Reverse DNS cannot be checked now", "451", "4.7.25", "", "the reverse name of the sending address"),
    ("550 5.7.26 DMARC of b.example failed (p=reject)", "550", "5.7.26", "", "several ways to authenticate"),
    ("554 5.7.24 SPF validation error", "554", "5.7.24", "", "SPF could not be evaluated: the record is broken"),
    # 5.7.0 and 4.7.0 mean something only with the code in front of them.
    ("530 5.7.0 Must issue a STARTTLS command first", "530", "5.7.0", "", "first STARTTLS, or first AUTH"),
    ("554 5.7.0 Rejected", "554", "5.7.0", "", "it is about security or policy; what exactly"),
    ("421 4.7.0 Busy", "421", "4.7.0", "", "it is about security or policy; what exactly"),
    # DMARC, in the words of many programs: OpenDMARC, Zimbra, others; none of them is Apple's.
    ("550 5.7.1 rejected by DMARC policy for b.example", "550", "5.7.1", "", "refused for DMARC"),
    ("550 5.7.1 Email rejected per DMARC policy for b.example", "550", "5.7.1", "", "refused for DMARC"),
    ("550 5.7.1 DMARC failure for domain b.example, policy reject", "550", "5.7.1", "", "refused for DMARC"),
    ("554 5.7.1 rejected due to the DMARC policy of b.example", "554", "5.7.1", "", "refused for DMARC"),
    ("550 Message rejected due to DMARC", "550", "", "", "refused for DMARC"),
    ("550 5.7.1 b.example has no DMARC record", "550", "5.7.1", "", "refused by policy: the receiver does not want"),
    ("554 5.7.5 Permanent error evaluating DMARC policy", "554", "5.7.5", "", "DMARC could not be evaluated"),
    ("554 5.7.9 Message not accepted for policy reasons.", "554", "5.7.9", "Yahoo", "SPF, DKIM or DMARC failed"),
    (
        "550 5.7.1 Your message was rejected due to b.example's DMARC policy.",
        "550",
        "5.7.1",
        "iCloud",
        "DMARC failed, and the policy",
    ),
    # One number, two meanings: the words decide.
    ("550 5.7.27 Sender address has null MX", "550", "5.7.27", "", "the sender's domain has a null MX"),
    (f"550 5.7.27 It didn't pass SPF authentication. {GSMTP}", "550", "5.7.27", "Gmail", "SPF did not pass"),
    ("550 5.7.27 This message was blocked because it didn't pass SPF", "550", "5.7.27", "Gmail", "SPF did not pass"),
    (
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "550",
        "5.1.10",
        "Microsoft",
        "Exchange knows no mailbox",
    ),
    # Gmail's own.
    (f"550-5.7.25 [192.0.2.9] no PTR record\r\n550 5.7.25 visit … {GSMTP}", "550", "5.7.25", "Gmail", PTR),
    ("451 4.7.23 The sending IP doesn't have a PTR record", "451", "4.7.23", "Gmail", f"for now: {PTR}"),
    (f"550 5.7.26 The sender is unauthenticated: SPF or DKIM. {GSMTP}", "550", "5.7.26", "Gmail", "neither SPF nor"),
    (f"550 5.7.26 an SPF record with a hard fail policy (-all) {GSMTP}", "550", "5.7.26", "Gmail", "SPF failed, and"),
    (f"550 5.7.26 Not accepted due to domain's DMARC policy. {GSMTP}", "550", "5.7.26", "Gmail", "DMARC failed, and"),
    (f"451 4.7.26 temporary DNS failures prevent it {GSMTP}", "451", "4.7.26", "Gmail", "for now: DMARC could not"),
    (f"421 4.7.28 unusual rate of mail {GSMTP}", "421", "4.7.28", "Gmail", "for now: too much mail"),
    (
        f"550 5.7.29 not sent over a TLS connection {GSMTP}",
        "550",
        "5.7.29",
        "Gmail",
        "the message did not come over TLS",
    ),
    (f"421 4.7.30 DKIM = Did not pass. {GSMTP}", "421", "4.7.30", "Gmail", "for now: DKIM did not pass"),
    (f"550 5.7.32 From: isn't aligned with either {GSMTP}", "550", "5.7.32", "Gmail", "nothing that passed is of the"),
    (f"550 5.7.40 doesn't have a DMARC record {GSMTP}", "550", "5.7.40", "Gmail", "the sender's domain has no DMARC"),
    (f"550 5.7.1 it has multiple From: headers {GSMTP}", "550", "5.7.1", "Gmail", "the message has several From"),
    # Microsoft's, Yahoo's, Apple's.
    ("550 5.7.515 Access denied, sending domain b.example …", "550", "5.7.515", "Microsoft", "Outlook.com refuses who"),
    ("550; 5.7.515 Access denied", "550", "5.7.515", "Microsoft", "Outlook.com refuses who"),
    ("550 5.7.1 part of their network is on our block list (S3150)", "550", "5.7.1", "Microsoft", "the network of the"),
    ("550 5.7.1 … on our block list (AS3140). mail.live.com/mail", "550", "5.7.1", "Microsoft", "the network of the"),
    ("550 OU-001 (SNT004) http://mail.live.com/mail/x", "550", "", "Microsoft", "the sending address is on a list"),
    ("421 4.7.0 [TSS04] temporarily deferred due to complaints", "421", "4.7.0", "Yahoo", "put off: complaints"),
    ("553 5.7.1 [BL21] the ip is in Spamhaus's list", "553", "5.7.1", "Yahoo", "the sending address is on a list"),
    ("550 5.7.1 [CS01] local policy https://support.apple.com/x", "550", "5.7.1", "iCloud", "refused by Apple's own"),
    # Nobody registered these: the class is all that is known.
    ("550 5.7.999 Computer says no", "550", "5.7.999", "", "it is about security or policy; what exactly"),
    ("450 4.2.0 <a@b.example>: Greylisted", "450", "4.2.0", "", "it is about the mailbox; what exactly"),
    ("5.7.999 no", "", "5.7.999", "", "it is about security or policy; what exactly"),
    ("599 what", "599", "", "", "a code that is not in the table"),
    # Of telephone companies in Japan, as senders saw them; another's in nearly the same words is another's.
    ("550 Unknown user hanako@docomo.ne.jp", "550", "", "docomo", "there is no such address, or the user's own"),
    ("552 Too much mail data hanako@docomo.ne.jp", "552", "", "docomo", "the user's mailbox is full"),
    ("550 <taro@ezweb.ne.jp>: User unknown", "550", "", "au", "there is no such address, or the user's own"),
    ("550 <taro@au.com>: User unknown", "550", "", "au", "there is no such address, or the user's own"),
    ("550 Invalid recipient: <jiro@i.softbank.jp>", "550", "", "SoftBank", "there is no such address; what a user's"),
    ("550 Invalid recipient: <jiro@jcom.home.ne.jp>", "550", "", "", ""),
    ("550 <taro@kaisha.example>: User unknown", "550", "", "", ""),
    ("554 <taro@ezweb.ne.jp>: Relay access denied", "554", "", "", ""),
]


@pytest.mark.parametrize(("pasted", "code", "enhanced", "receiver", "meaning"), REPLIES)
def test_a_reply_has_its_own_meaning(pasted: str, code: str, enhanced: str, receiver: str, meaning: str) -> None:
    (found,) = report.explain_refusal(pasted)
    assert (found.code, found.enhanced, found.receiver) == (code, enhanced, receiver)
    assert found.meaning.startswith(meaning) and found.source and found.as_of and found.what_to_do and found.basis
    assert found.lasting.startswith("temporary" if (code or enhanced)[0] == "4" else "permanent")


POSTFIX = """\
Nov 24 10:00:01 smtp postfix/smtp[123]: 4A5B: to=<alice@gmail.example>, relay=gmail-smtp-in.l.google.com[192.0.2.7]:25,
 delay=1.2, dsn=5.7.25, status=bounced (host gmail-smtp-in.l.google.com[192.0.2.7] said: 550-5.7.25 [192.0.2.9] The IP
 address sending this message does not have a 550-5.7.25 PTR record setup 550 5.7.25 information. x - gsmtp (in reply
 to end of DATA command))
Nov 24 10:00:02 smtp postfix/qmgr[5]: 4A5B: removed
"""
EXIM = """\
2026-11-24 10:00:01 1abc ** ben@outlook.example R=dnslookup T=remote_smtp H=x.mail.protection.outlook.com [192.0.2.8]:
 SMTP error from remote mail server after end of data: 550 5.7.515 Access denied, sending domain kaisha.example
"""
BOUNCE = """\
From: MAILER-DAEMON@smtp.kaisha.example
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

<x@hotmail.example>: host hotmail-com.olc.protection.outlook.com said: 550 5.7.1 see below

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; smtp.kaisha.example
Arrival-Date: Tue, 24 Nov 2026 00:00:00 +0000

Final-Recipient: rfc822; x@hotmail.example
Action: failed
Status: 5.7.1
Remote-MTA: dns; hotmail-com.olc.protection.outlook.com
Diagnostic-Code: smtp; 550 5.7.1 Unfortunately, messages from [192.0.2.9]
    weren't sent. Please contact your Internet service provider since part of
    their network is on our block list (S3140).

Final-Recipient: rfc822; a@gmail.example
Action: failed
Status: 5.7.26
Remote-MTA: dns; gmail-smtp-in.l.google.com
Diagnostic-Code: smtp; 550-5.7.26 Unauthenticated email from kaisha.example
    is not accepted due to 550-5.7.26 domain's DMARC policy. 550 5.7.26 x - gsmtp

--b--
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["", "    ", "> "])
def test_a_whole_bounce_is_one_row_a_recipient(ends: str, indent: str) -> None:
    pasted = "".join(f"{indent}{line}{ends}".replace(f"{indent}{ends}", ends) for line in BOUNCE.splitlines())
    microsoft, gmail = report.explain_refusal(pasted)
    assert (microsoft.recipient, microsoft.receiver) == ("x@hotmail.example", "Microsoft")
    assert "block list" in microsoft.meaning and "S3140" in microsoft.said
    assert (gmail.recipient, gmail.receiver, gmail.clause) == ("a@gmail.example", "Gmail", "RFC 9989 section 5.4")


def test_log_lines_of_postfix_and_exim() -> None:
    (postfix,) = report.explain_refusal(POSTFIX)
    assert (postfix.code, postfix.enhanced, postfix.recipient) == ("550", "5.7.25", "alice@gmail.example")
    assert postfix.check == "mailkit.op25b.reverse(['192.0.2.9'], net=net)"
    assert "550-" not in postfix.said and "removed" not in postfix.said
    (exim,) = report.explain_refusal(EXIM)
    assert (exim.enhanced, exim.receiver) == ("5.7.515", "Microsoft")


def test_a_code_that_somebody_else_uses_is_not_explained_with_gmails_meaning() -> None:
    """The words are like Gmail's, but another host said them."""
    pasted = "<a@b.example>: host mx.b.example[192.0.2.1] said: 550 5.7.40 DMARC is missing (in reply to end of DATA)"
    (found,) = report.explain_refusal(pasted)
    assert found.receiver == "" and "only the receiver's own wording" in found.meaning


def test_numbers_that_are_no_codes_and_texts_that_are_no_refusals() -> None:
    for text in ("", "hello", "250 2.0.0 Ok: queued as 4A5", "it took 550 seconds", "version 5.7", "call 555-5555"):
        with pytest.raises(ValueError, match="there is no refusal in it"):
            report.explain_refusal(text)
    with pytest.raises(TypeError, match="as text"):
        report.explain_refusal(550)  # type: ignore[arg-type]


def test_what_is_pasted_is_made_visible_and_bounded() -> None:
    (found,) = report.explain_refusal("550 5.7.26 <script>\x1b[31m\u202e" + "x" * 50_000)
    assert "\x1b" not in found.said and len(found.said) <= 1500
    assert "<script>" not in report.explain_refusal("550 5.7.26 <script>")._repr_html_()


@pytest.mark.parametrize(
    "piece",
    ["550 ", "550-5.7.26 x ", "550 5.7.26 x\n", "Diagnostic-Code: smtp; 550 5.1.1 x\n\n", "<a@b>: ", "\n\n", "["],
)
def test_floods_end_soon(piece: str) -> None:
    begin = time.process_time()
    try:
        found = report.explain_refusal(piece * (3 * MAX_CHARACTERS // len(piece)))
        assert len(found) <= MAX_REFUSALS and "only the first" in found.caption
    except ValueError:
        pass
    assert time.process_time() - begin < 10


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("45.0172 -;:\n<>@[]abc'#"), max_size=200) | st.binary(max_size=100))
def test_nothing_breaks_it(pasted: str | bytes) -> None:
    try:
        assert len(report.explain_refusal(pasted)) >= 1
    except ValueError as error:
        assert "there is no refusal in it" in str(error)


def test_the_table_says_what_each_large_receiver_means_and_since_when() -> None:
    table = datasets.load("smtp_replies")
    gmail = table[table["receiver"] == "Gmail"]
    assert {f"5.7.{n}" for n in (24, 25, 26, 27, 28, 29, 30, 32, 40)} <= set(gmail["enhanced"])
    assert {f"4.7.{n}" for n in (23, 24, 26, 27, 28, 29, 30, 32, 40)} <= set(gmail["enhanced"])
    assert all(source.startswith("https://") for source in gmail["source"])
    assert set(table["receiver"]) == {"", "Gmail", "Microsoft", "Yahoo", "iCloud", "docomo", "au", "SoftBank"}
    assert (table["what_to_do"][table["receiver"] != ""] != "").all()
