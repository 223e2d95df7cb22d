"""``lint``: what an existing configuration of Postfix or Exim means, and what is wrong with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from mailkit.mta.exim_files import read_exim, read_macros
from mailkit.mta.judgement import judged
from mailkit.mta.lint_debian import debian_settings, judge_debian
from mailkit.mta.lint_exim import judge_exim
from mailkit.mta.lint_policyd import judge_policyd, policyd_settings
from mailkit.mta.lint_postfix import judge_postfix
from mailkit.mta.postfix_files import Postfix, read_main, read_master
from mailkit.results import Finding, Rows, Verdict, visible

__all__ = ["lint"]

_MOST_OCTETS = 1024 * 1024
_POSTCONF_SECONDS = 20


def lint(path: str | Path) -> Rows[Finding]:
    """Return the findings on the configuration at *path*.

    *path* is a folder with main.cf and master.cf, one of the two, policyd-spf.conf, a configuration file of Exim, the
    saved output of ``exim -bP``, or Debian's update-exim4.conf.conf.  Where Postfix is installed, ``postconf`` tells
    its version and the names that it does not know.  Tables and included files are not read.

    Raises ValueError for what is not there, is larger than 1 MiB, or is none of these.
    """
    place = Path(path)
    if place.is_dir():
        if not (place / "main.cf").is_file():
            raise ValueError(f"there is no main.cf in {visible(str(place), 200)}; pass Postfix's folder, or a file")
        return _postfix(place, place.name)
    text = _read(place)
    subject = visible(place.name, 80)
    if place.name == "master.cf" or (place.name == "main.cf" and (place.parent / "main.cf").is_file()):
        if place.name == "master.cf" and not (place.parent / "main.cf").is_file():
            return Rows(Finding, judge_postfix(Postfix({}, read_master(text)), subject), caption="without main.cf")
        return _postfix(place.parent, subject)
    if settings := debian_settings(text):
        local = place.parent / "exim4.conf.localmacros"
        macros = read_macros(_read(local)) if local.is_file() else {}
        return Rows(Finding, judge_debian(settings, macros, subject), caption="Debian's answers")
    if settings := policyd_settings(text):
        return Rows(Finding, judge_policyd(settings, subject), caption="policyd-spf")
    if re.search(r"^begin\s+(acl|routers|transports)\s*$", text, re.MULTILINE) or re.search(
        r"^(?:no_)?(?:acl_smtp_rcpt|accept_8bitmime|daemon_smtp_ports)\b", text, re.MULTILINE
    ):
        exim = read_exim(text)
        caption = (
            "included files are not read, and conditions not followed" if exim.conditional or exim.includes else ""
        )
        return Rows(Finding, judge_exim(exim, subject), caption=caption)
    if re.search(r"^(?:smtpd?_\w+|mynetworks|relayhost|myhostname|compatibility_level)\s*=", text, re.MULTILINE):
        main, twice = read_main(text)
        return Rows(Finding, judge_postfix(Postfix(main, (), twice), subject), caption="without master.cf")
    raise ValueError(f"{subject} is neither main.cf nor master.cf, nor policyd-spf.conf, nor a file of Exim's")


def _read(place: Path) -> str:
    if not place.is_file():
        raise ValueError(f"there is no file {visible(str(place), 200)}")
    with place.open("rb") as file:
        octets = file.read(_MOST_OCTETS + 1)
    if len(octets) > _MOST_OCTETS:
        raise ValueError(f"{visible(place.name, 80)} is larger than 1 MiB: that is no configuration file")
    return octets.decode("utf-8", "replace")


def _postfix(folder: Path, subject: str) -> Rows[Finding]:
    main, twice = read_main(_read(folder / "main.cf"))
    master = folder / "master.cf"
    services = read_master(_read(master)) if master.is_file() else ()
    version, warnings = _asked(folder)
    found = judge_postfix(Postfix(main, services, twice, version), subject)
    found += [
        judged(
            "postconf's warnings",
            subject,
            Verdict.WARN,
            line[:300],
            "Look for a slip in the name.",
            reference="postconf(1)",
        )
        for line in warnings
    ]
    return Rows(Finding, found, caption="" if master.is_file() else "without master.cf")


def _asked(folder: Path) -> tuple[tuple[int, int] | None, list[str]]:
    """Return Postfix's version and its warnings about the files in *folder*; None and nothing where it is not here."""
    postconf = shutil.which("postconf")
    if not postconf:
        return None, []
    try:
        said = [
            subprocess.run(
                [postconf, *options],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_POSTCONF_SECONDS,
            )
            for options in (["-d", "-h", "mail_version"], ["-c", str(folder.resolve()), "-n"])
        ]
    except (OSError, subprocess.TimeoutExpired):
        return None, []
    found = re.match(r"(\d{1,3})\.(\d{1,3})", said[0].stdout)
    version = (int(found[1]), int(found[2])) if found else None
    warnings = [line.partition("warning: ")[2] for line in said[1].stderr.splitlines() if "warning: " in line]
    return version, warnings[:50]
