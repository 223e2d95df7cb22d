"""Exim's access control lists: who may relay, what is checked and recorded (Exim's specification, chapter on ACLs)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.exim_lines import at
from mailkit.mta.settings import ConfigLine, Probe

__all__ = ["acls"]


def acls(wanted: Description) -> list[ConfigLine]:
    """Return the access control lists for MAIL, RCPT and DATA."""
    lines = [at("begin acl"), at("acl_check_mail:")]
    if wanted.job == "submission":
        lines += [
            at("  deny condition = ${if inlist{$received_port}{587:465}}\n"
                "       !authenticated = *\n"
                "       message = 530 5.7.0 Authentication required",
                "", "587: MAIL before AUTH gets 530 5.7.0", Probe.CONVERSE),
        ]  # fmt: skip
    if wanted.job == "receiving":
        lines += [
            at(".ifdef _HAVE_SPF", "A build without SPF skips this and records no SPF result."),
            at("  warn spf = pass : fail : softfail : neutral : none : permerror : temperror\n"
                "       add_header = :at_start:$spf_received",
                "Recorded, not refused: refusing on SPF fail alone would come before DKIM could speak for a forwarded "
                "message (RFC 9989 section 7.1).", "Received-SPF at the top of delivered mail", Probe.MESSAGE),
            at(".endif"),
        ]  # fmt: skip
    lines += [at("  accept"), at("acl_check_rcpt:")]
    lines += [
        at("  accept authenticated = *\n"
            "         control = submission/sender_retain\n"
            "         control = dkim_disable_verify"),
    ] if wanted.job == "submission" else []  # fmt: skip
    lines += [
        at("  accept hosts = +relay_from_hosts\n         control = dkim_disable_verify"),
        at("  deny message = 550 5.1.3 no such form of an address\n"
            "       local_parts = ^[./|] : ^.*[@%!/|`#&?\\$] : ^.*/\\\\.\\\\./",
            "From strangers no characters that routes, files and shells read as more than a name."),
        at("  require message = 550 5.7.1 Relaying denied\n          domains = +local_domains",
            "message stands before the condition, else its text is not used.",
            "a stranger's RCPT to another domain: 550 5.7.1 Relaying denied", Probe.CONVERSE),
    ]  # fmt: skip
    if wanted.job == "receiving":
        lines.append(at("  require message = 550 5.1.1 no such mailbox\n          verify = recipient",
                         "A stranger's name is refused at RCPT, not bounced.",
                         "RCPT to an unknown name: 550 5.1.1", Probe.CONVERSE))  # fmt: skip
    lines += [at("  accept"), at("acl_check_data:")]
    if wanted.job == "receiving":
        lines += [
            at(".ifdef _HAVE_DMARC", "A build without DMARC skips this and records no DMARC result."),
            at("  warn dmarc_status = *", "Every status matches: recorded, not refused. It wants SPF asked first.",
               "dmarc= in Authentication-Results, where the build has DMARC", Probe.MESSAGE),
            at(".endif"),
            at("  warn remove_header = Authentication-Results\n"
               "       add_header = :at_start:${authresults{$primary_hostname}}",
               "Results that a stranger wrote are taken out (RFC 8601 section 5), ours stand on top.",
               "Authentication-Results with spf= and dkim=", Probe.MESSAGE),
        ]  # fmt: skip
    return [*lines, at("  accept")]
