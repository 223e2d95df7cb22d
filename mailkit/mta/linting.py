"""``lint``: what an existing configuration of Postfix or Exim means, and what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

from mailkit.mta.asking import exim_version, postfix_version, postfix_warnings
from mailkit.mta.exim_files import read_exim, read_macros
from mailkit.mta.judgement import judged
from mailkit.mta.lint_debian import debian_settings, judge_debian
from mailkit.mta.lint_exim import judge_exim
from mailkit.mta.lint_policyd import judge_policyd, policyd_settings
from mailkit.mta.lint_postfix import judge_postfix
from mailkit.mta.postfix_files import Postfix, Unseen, read_main, read_master
from mailkit.mta.versions import numbers
from mailkit.results import Finding, Rows, Verdict, visible

__all__ = ["lint"]

_MOST_OCTETS = 1024 * 1024
_EXIM = re.compile(
    r"^begin\s+(?:acl|routers|transports)\s*$|^(?:no_)?(?:acl_smtp_rcpt|accept_8bitmime|daemon_smtp_ports)\b",
    re.MULTILINE,
)
_MASTER = re.compile(r"^\S+[ \t]+(?:inet|unix|fifo|pass|unix-dgram)(?:[ \t]+[yn-]){3}[ \t]", re.MULTILINE)
_MAIN = re.compile(r"^(?:smtpd?_\w+|mynetworks|relayhost|myhostname|compatibility_level)\s*=", re.MULTILINE)


def lint(path: str | Path, *, version: str = "") -> Rows[Finding]:
    """Return the findings on the configuration at *path*.

    *path* is a folder with main.cf and master.cf, one of the two or what ``postconf -n`` or ``-M`` said of it,
    policyd-spf.conf, a configuration file of Exim, the saved output of ``exim -bP``, or Debian's
    update-exim4.conf.conf.  *version* is that of the Postfix or Exim that reads it, such as "3.7"; without it, the
    program that is installed here is asked, and where there is none, what hangs on the version is unknown.
    ``postconf``, where it is installed, tells the names that it does not know.  Tables and included files are not read;
    what they, or a file that is missing, may change is unknown.

    Raises ValueError for what is not there, is larger than 1 MiB or has more than 200 services, is none of these, or is
    no version.
    """
    place = Path(path)
    known = _known(version)
    if place.is_dir():
        if not (place / "main.cf").is_file():
            raise ValueError(f"there is no main.cf in {visible(str(place), 200)}; pass Postfix's folder, or a file")
        return _postfix(place, visible(place.name, 80), known)
    text = _read(place)
    subject = visible(place.name, 80)
    if place.name in ("main.cf", "master.cf") and (place.parent / "main.cf").is_file():
        return _postfix(place.parent, subject, known)
    if settings := debian_settings(text):
        local = place.parent / "exim4.conf.localmacros"
        macros = read_macros(_read(local)) if local.is_file() else {}
        return Rows(Finding, judge_debian(settings, macros, subject), caption="Debian's answers")
    if settings := policyd_settings(text):
        return Rows(Finding, judge_policyd(settings, subject), caption="policyd-spf")
    if _EXIM.search(text):
        exim = read_exim(text, known or exim_version())
        unread = "included files are not read, and conditions not followed" if exim.conditional or exim.includes else ""
        return Rows(Finding, judge_exim(exim, subject), caption=_caption(unread, exim.version))
    if _MASTER.search(text):
        postfix = Postfix(Unseen(), read_master(text), (), known or postfix_version())
        return Rows(Finding, judge_postfix(postfix, subject), caption=_caption("without main.cf", postfix.version))
    if _MAIN.search(text):
        main, twice = read_main(text)
        postfix = Postfix(main, (), twice, known or postfix_version())
        return Rows(Finding, judge_postfix(postfix, subject), caption=_caption("without master.cf", postfix.version))
    raise ValueError(f"{subject} is neither main.cf nor master.cf, nor policyd-spf.conf, nor a file of Exim's")


def _known(version: str) -> tuple[int, int] | None:
    if not version:
        return None
    first, second, *_ = numbers(version)
    return first, second


def _caption(unread: str, version: tuple[int, int] | None) -> str:
    judged_as = "the version is not known" if version is None else "judged as version {}.{}".format(*version)
    return "; ".join(part for part in (judged_as, unread) if part)


def _read(place: Path) -> str:
    if not place.is_file():
        raise ValueError(f"there is no file {visible(str(place), 200)}")
    with place.open("rb") as file:
        octets = file.read(_MOST_OCTETS + 1)
    if len(octets) > _MOST_OCTETS:
        raise ValueError(f"{visible(place.name, 80)} is larger than 1 MiB: that is no configuration file")
    return octets.decode("utf-8", "replace")


def _postfix(folder: Path, subject: str, known: tuple[int, int] | None) -> Rows[Finding]:
    main, twice = read_main(_read(folder / "main.cf"))
    master = folder / "master.cf"
    services = read_master(_read(master)) if master.is_file() else ()
    postfix = Postfix(main, services, twice, known or postfix_version())
    found = judge_postfix(postfix, subject)
    found += [
        judged(
            "postconf's warnings",
            subject,
            Verdict.WARN,
            line[:300],
            "Look for a slip in the name.",
            reference="postconf(1)",
        )
        for line in postfix_warnings(folder)
    ]
    return Rows(Finding, found, caption=_caption("" if services else "without master.cf", postfix.version))
