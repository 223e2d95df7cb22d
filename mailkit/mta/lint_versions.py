"""What the version of Postfix or Exim makes of a file: names that are old or gone, defaults that changed.

Where the version is not known, what would hang on it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.mta.exim_files import Exim, is_certain
from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix
from mailkit.mta.versions import VersionChange, all_changes, numbers
from mailkit.results import Finding, Verdict

__all__ = ["exim_versions", "postfix_versions"]

_RESTRICTIONS = tuple(
    f"smtpd_{stage}_restrictions" for stage in ("client", "helo", "sender", "relay", "recipient", "data")
)


def postfix_versions(postfix: Postfix, subject: str) -> Iterator[Finding]:
    """Yield what the version of Postfix makes of its files."""
    words = {
        word for service in (None, *postfix.services) for name in _RESTRICTIONS for word in postfix.words(name, service)
    }
    words |= postfix.main.keys() | {name for service in postfix.services for name in service.options}
    for change in all_changes("postfix"):
        if change.setting not in words:
            continue
        here = None if postfix.version is None else postfix.version >= numbers(change.version)
        if change.kind == "renamed":
            yield _renamed(change, here, subject)
        elif change.kind == "removed":
            yield _removed(change, here, subject)
    yield from _level(postfix, subject)


def _renamed(change: VersionChange, here: bool | None, subject: str) -> Finding:
    return judged(
        "a deprecated name",
        subject,
        Verdict.INFO if here is False else Verdict.WARN,
        f"{change.setting}: from Postfix {change.version} on {change.since}",
        change.meaning,
        reference=change.source,
    )


def _removed(change: VersionChange, here: bool | None, subject: str) -> Finding:
    return judged(
        "a setting that is gone",
        subject,
        Verdict.FAIL if here else Verdict.WARN,
        f"{change.setting}: from version {change.version} on {change.since}",
        change.meaning,
        reference=change.source,
    )


def _level(postfix: Postfix, subject: str) -> Iterator[Finding]:
    if postfix.version is None or postfix.version < (3, 11):
        return
    level = postfix.level()
    if level is not None and level < (3, 11):
        yield judged(
            "an old compatibility level",
            subject,
            Verdict.INFO,
            f"compatibility_level = {postfix.value('compatibility_level', default='0')}",
            "Postfix 3.11 says at each start that it uses backwards-compatible defaults. Write out what you rely on, "
            "then raise the level.",
            "compatibility_level = 3.11",
            "COMPATIBILITY_README",
        )


def exim_versions(exim: Exim, subject: str) -> Iterator[Finding]:
    """Yield what the version of Exim makes of its file."""
    for change in all_changes("exim"):
        if change.kind == "removed" and change.setting in exim.main:
            here = exim.version is not None and exim.version >= numbers(change.version)
            yield _removed(change, here and is_certain(exim.said(exim.main, change.setting)), subject)
    yield from _smuggling(exim, subject)


def _smuggling(exim: Exim, subject: str) -> Iterator[Finding]:
    check, reference = "SMTP smuggling", "CVE-2023-51766; Exim's ChangeLog, 4.98"
    offers = {name: exim.said(exim.main, f"{name}_advertise_hosts", "*") for name in ("chunking", "pipelining")}
    shown = ", ".join(f"{name}_advertise_hosts = {value}" for name, value in offers.items())
    if not exim.whole and "chunking_advertise_hosts" not in exim.main:
        return
    if "" in offers.values():
        evidence = f"{shown}: smuggled commands trip the check of synchronization"
        yield judged(check, subject, Verdict.PASS, evidence, reference=reference)
    elif exim.version is not None and exim.version >= (4, 98):
        evidence = "from 4.98 on a dot between bare line feeds ends no message"
        yield judged(check, subject, Verdict.PASS, evidence, reference=reference)
    else:
        version = "the version is not known" if exim.version is None else "{}.{}".format(*exim.version)
        yield judged(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{version}, {shown}: 4.98, 4.97.1 and patched packages are safe, others are not",
            "Offer no CHUNKING, then it holds for every version.",
            "chunking_advertise_hosts =",
            reference,
        )
