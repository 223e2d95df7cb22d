"""What to do about each cause, the clause behind it, and the lesson that teaches it."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.report.causes import Cause

__all__ = ["ADVICE", "Advice"]


@dataclass(frozen=True)
class Advice:
    """One sentence or two, and the section they follow from."""

    text: str
    reference: str
    lesson: str = "05_dkim"


_SEND_FROM_LISTED = "Send through a host that the record lists, or list this address in it."
_SIGN_AGAIN = "Sign last, after everything that changes the message, and with the key that is published."

ADVICE: dict[Cause, Advice] = {
    Cause.NO_FROM: Advice("Write one From field with one address.", "RFC 5322 section 3.6", "06_dmarc"),
    Cause.SEVERAL_FROM: Advice(
        "Find out which program adds the second From field.", "RFC 5322 section 3.6", "06_dmarc"
    ),
    Cause.NO_AUTHOR: Advice("Write one address with a domain.", "RFC 9989 section 5.3.1", "06_dmarc"),
    Cause.SEVERAL_AUTHORS: Advice(
        "Write one author; put others in Reply-To or Cc.", "RFC 9989 section 11.5", "06_dmarc"
    ),
    Cause.UNREADABLE_FROM: Advice("Write the From field by the grammar.", "RFC 5322 section 3.4", "06_dmarc"),
    Cause.BROKEN_HEADER: Advice(
        "Take the message as a file; or mend the program that made it.", "RFC 5322 section 2.2", "06_dmarc"
    ),
    Cause.TOO_LARGE: Advice("Verify it where it is received.", "RFC 5321 section 4.5.3", "06_dmarc"),
    Cause.NO_POLICY: Advice("Publish one: dmarc.lint has a first one to paste.", "RFC 9989 section 4.10", "06_dmarc"),
    Cause.POLICY_UNKNOWN: Advice("Ask again later.", "RFC 9989 section 5.3.6", "06_dmarc"),
    Cause.ADDRESS_UNKNOWN: Advice(
        "Take the whole source of the message from the receiver's mailbox.", "RFC 7208 section 2.4", "04_spf"
    ),
    Cause.SENDER_UNKNOWN: Advice(
        "Take the source from the mailbox, with its Return-Path.", "RFC 5321 section 4.4", "04_spf"
    ),
    Cause.SPF_NONE: Advice(
        "Publish an SPF record for the domain of the return path.", "RFC 7208 section 2.6.1", "04_spf"
    ),
    Cause.SPF_NEUTRAL: Advice(
        "End the record with ~all or -all once every sender is listed.", "RFC 7208 section 2.6.2", "04_spf"
    ),
    Cause.SPF_SOFTFAIL: Advice(_SEND_FROM_LISTED, "RFC 7208 section 2.6.5", "04_spf"),
    Cause.SPF_FAIL: Advice(_SEND_FROM_LISTED, "RFC 7208 section 2.6.4", "04_spf"),
    Cause.SPF_BROKEN: Advice("Mend the record: spf.lint says how.", "RFC 7208 section 2.6.7", "04_spf"),
    Cause.SPF_SILENT: Advice("Ask again later.", "RFC 7208 section 2.6.6", "04_spf"),
    Cause.SPF_OTHER: Advice(
        "Let the service use a return path in your own domain, or rely on DKIM.", "RFC 9989 section 4.4", "06_dmarc"
    ),
    Cause.SPF_HELO: Advice("Bounces count by DKIM: have them signed.", "RFC 7208 section 2.4", "06_dmarc"),
    Cause.SPF_STRICT: Advice(
        "Use the very name of the From line in the return path, or take aspf=s out.", "RFC 9989 section 4.7", "06_dmarc"
    ),
    Cause.FORWARDED: Advice(
        "SPF does not survive forwarding: sign with DKIM, which does.", "RFC 9989 section 7.4", "06_dmarc"
    ),
    Cause.REWRITTEN: Advice(
        "SPF passes for the forwarder now: only DKIM can still speak for the author.",
        "RFC 7960 section 3.2.3",
        "06_dmarc",
    ),
    Cause.UNSIGNED: Advice("Sign what this domain sends.", "RFC 6376 section 5"),
    Cause.LINES_ADDED: Advice(
        "Something on the way added them, such as a list or a filter: sign after it, or keep it from signed mail.",
        "RFC 6376 section 3.7",
    ),
    Cause.BODY_CHANGED: Advice(_SIGN_AGAIN, "RFC 6376 section 3.7"),
    Cause.SUBJECT_TAGGED: Advice(
        "Let the list or filter leave the subject alone, or let it write its own address in From.",
        "RFC 6376 section 3.7",
    ),
    Cause.HEADER_CHANGED: Advice(_SIGN_AGAIN, "RFC 6376 section 6.1.3"),
    Cause.OTHER_KEY: Advice(
        "Publish the key that signs, or sign with the one that is published.", "RFC 6376 section 6.1.3"
    ),
    Cause.KEY_GONE: Advice("Publish the key while mail signed with it is on its way.", "RFC 6376 section 6.1.2"),
    Cause.KEY_REVOKED: Advice("Sign with another selector.", "RFC 6376 section 3.6.1"),
    Cause.KEY_SHORT: Advice("Make a key of 2048 bits under a new selector.", "RFC 8301 section 3.2"),
    Cause.KEY_UNFIT: Advice("Mend the record of the key: dkim.findings says how.", "RFC 6376 section 6.1.2"),
    Cause.KEY_SILENT: Advice("Ask again later.", "RFC 6376 section 6.1.2"),
    Cause.SHA1: Advice("Sign with rsa-sha256.", "RFC 8301 section 3.1"),
    Cause.SIGNATURE_BROKEN: Advice(
        "Mend the signer; or something on the way damaged the field.", "RFC 6376 section 6.1.1"
    ),
    Cause.EXPIRED: Advice(
        "A message that is read again later always looks so; a fresh one needs a later x=.", "RFC 6376 section 3.5"
    ),
    Cause.TOO_MANY: Advice("Sign once for each domain.", "RFC 6376 section 6.1"),
    Cause.TEST_KEY: Advice("Take t=y out of the key's record.", "RFC 6376 section 3.6.1"),
    Cause.DKIM_OTHER: Advice(
        "Have the service sign as the domain of the From line.", "RFC 9989 section 4.4", "06_dmarc"
    ),
    Cause.DKIM_STRICT: Advice(
        "Sign as the very name of the From line, or take adkim=s out.", "RFC 9989 section 4.7", "06_dmarc"
    ),
    Cause.LIST: Advice(
        "Lists change messages: let the list write its own address in From.", "RFC 7960 section 3.2.3", "06_dmarc"
    ),
    Cause.NOT_ALIGNED: Advice(
        "If it is yours, sign it as the domain of the From line; if it is not, DMARC did its work.",
        "RFC 9989 section 4.4",
        "06_dmarc",
    ),
}
