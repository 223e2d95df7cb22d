"""The filters beside Postfix: OpenDKIM signs and verifies, policyd-spf checks SPF, OpenDMARC puts both together.

They listen on loopback ports, so that no socket's folder, group or chroot stands in the way.
"""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.settings import SUFFIXES, ConfigLine, Probe

__all__ = ["SIGNER_PORTS", "opendkim_signing", "receiving_filters"]

SIGNER_PORTS = {"rsa-sha256": 8891, "ed25519-sha256": 8892}


def opendkim_signing(wanted: Description) -> dict[str, list[ConfigLine]]:
    """Return the files of OpenDKIM that sign as *wanted* says, path -> lines; a table is one line with its rows."""
    files: dict[str, list[ConfigLine]] = {}
    for algorithm, selector, path in wanted.keys:
        short = algorithm.partition("-")[0]
        folder = f"/etc/opendkim/{short}"
        name = f"{selector}._domainkey.{wanted.domain}"

        files[f"{folder}.conf"] = _lines(
            f"{folder}.conf",
            [
                ("Mode", "s", "Sign only.", ""),
                ("Socket", f"inet:{SIGNER_PORTS[algorithm]}@127.0.0.1", "", ""),
                ("SignatureAlgorithm", algorithm, "", f"DKIM-Signature with a={algorithm}"),
                ("KeyTable", f"file:{folder}.keys", "", f"s={selector} in the signature"),
                ("SigningTable", f"refile:{folder}.signing", "", f"d={wanted.domain} in the signature"),
                ("Canonicalization", "relaxed/relaxed", "Survives a relay that folds lines anew.", "c=relaxed/relaxed"),
                (
                    "OversignHeaders",
                    "From",
                    "No second From can be added (RFC 6376 section 8.15).",
                    "h= names From twice",
                ),
                (
                    "InternalHosts",
                    "0.0.0.0/0, ::/0",
                    "Who may submit was decided by Postfix: AUTH, or this machine.",
                    "",
                ),
                ("RequireSafeKeys", "yes", "Nobody else may read the key.", ""),
                ("UserID", "opendkim", "", ""),
                ("Syslog", "yes", "", ""),
                ("On-InternalError", "tempfail", "A signer in trouble: the message waits.", ""),
            ],
            Probe.DKIM,
        )
        files[f"{folder}.keys"] = [ConfigLine(f"{folder}.keys", f"{name} {wanted.domain}:{selector}:{path}\n")]
        files[f"{folder}.signing"] = [ConfigLine(f"{folder}.signing", f"*@{wanted.domain} {name}\n")]
    return files


def receiving_filters(wanted: Description) -> tuple[dict[str, list[ConfigLine]], list[str]]:
    """Return the files of the filters that check what comes in, path -> lines, and what to do besides."""
    spf, dkim, dmarc = (
        "/etc/postfix-policyd-spf-python/policyd-spf.conf",
        "/etc/opendkim/verify.conf",
        "/etc/opendmarc.conf",
    )
    files = {
        spf: [
            *_lines(spf, [
                ("debugLevel =", "1", "", ""),
                ("TestOnly =", "1", "1 is in earnest, 0 only tests: the name reads the other way round.", ""),
                ("HELO_reject =", "False", "Refusing on SPF fail alone would come before DKIM and DMARC could "
                 "speak for a forwarded message (RFC 9989 section 7.1): the result is recorded, DMARC decides.", ""),
                ("Mail_From_reject =", "False", "", "a message that fails SPF is taken, with Received-SPF: Fail"),
                ("PermError_reject =", "False", "", ""),
                ("TempError_Defer =", "False", "", ""),
                ("Header_Type =", "SPF", "OpenDMARC reads it.", "Received-SPF"),
                ("skip_addresses =", "127.0.0.0/8,::ffff:127.0.0.0/104,::1", "", ""),
            ], Probe.MESSAGE),
        ],
        dkim: _lines(dkim, [
            ("Mode", "v", "Verify only.", ""),
            ("Socket", "inet:8893@127.0.0.1", "", ""),
            ("AuthservID", wanted.hostname, "", f"Authentication-Results: {wanted.hostname}; dkim="),
            ("RemoveARFrom", wanted.hostname, "Results that a stranger wrote in our name are taken out (RFC 8601 "
             "section 5).", "a forged Authentication-Results of ours is gone"),
            ("On-BadSignature", "accept", "Recorded; a broken signature is no reason to refuse (RFC 6376 section "
             "6.1).", ""),
            ("On-KeyNotFound", "accept", "", ""),
            ("On-NoSignature", "accept", "", ""),
            ("On-DNSError", "tempfail", "", ""),
            ("AlwaysAddARHeader", "yes", "", "dkim=none where there is no signature"),
            ("UserID", "opendkim", "", ""),
            ("Syslog", "yes", "", ""),
        ], Probe.MESSAGE),
        dmarc: _lines(dmarc, [
            ("AuthservID", wanted.hostname, "", ""),
            ("TrustedAuthservIDs", wanted.hostname, "Only our own results count.", ""),
            ("Socket", "inet:8894@127.0.0.1", "", f"Authentication-Results: {wanted.hostname}; dmarc="),
            ("RejectFailures", "false", "Recorded. true refuses what the author's domain asks to have refused: think "
             "of mailing lists first (RFC 9989 section 7.4).", ""),
            ("IgnoreAuthenticatedClients", "true", "", ""),
            ("SPFIgnoreResults", "false", "", ""),
            ("SPFSelfValidate", "false", "policyd-spf has asked; Received-SPF is read.", ""),
            ("PublicSuffixList", SUFFIXES, "", ""),
            ("UserID", "opendmarc", "", ""),
            ("Syslog", "true", "", ""),
        ], Probe.MESSAGE),
    }  # fmt: skip
    notes = [
        "Install postfix-policyd-spf-python, opendkim, opendmarc and publicsuffix; start the verifier with "
        f"opendkim -x {dkim}.",
        "OpenDMARC 1.4 walks no DNS tree as RFC 9989 does: it takes the organizational domain from the public "
        "suffix list.",
    ]
    return files, notes


def _lines(path: str, settings: list[tuple[str, str, str, str]], probe: Probe) -> list[ConfigLine]:
    """Return the lines of one file; what can be seen of them is all in the message, which *probe* reads."""
    return [
        ConfigLine(path, f"{name} {value}", why, sees, probe if sees else Probe.NONE)
        for name, value, why, sees in settings
    ]
