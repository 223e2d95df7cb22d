"""What Debian's own questions and answers about Exim mean (README.Debian of exim4-config)."""

from __future__ import annotations

import re

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import BLANKS, physical_lines
from mailkit.results import Finding, Verdict

__all__ = ["debian_settings", "judge_debian"]

_DEBIAN = re.compile(r"""(dc_[a-z_]{2,40}|CFILEMODE)=['"]?([^'"\n]*)['"]?""")
_PLAIN_HOST = re.compile(r"([A-Za-z0-9.-]{1,253})(?:::25)?")
# Lists are parted by semicolons, in old files by colons.
_EVERYBODY = re.compile(r"(?:^|[ ;:])(?:\*|0\.0\.0\.0/0|::/0)(?:$|[ ;:])")
_LET_IN = (
    ("dc_relay_nets", "Everybody may relay: name your own networks.", "dc_relay_nets=''"),
    ("dc_relay_domains", "Everybody may send to anywhere: name the domains you are a second MX for.",
     "dc_relay_domains=''"),
)  # fmt: skip
_MACROS = ("REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS", "REMOTE_SMTP_SMARTHOST_TLS_VERIFY_HOSTS")


def debian_settings(text: str) -> dict[str, str]:
    """Return the settings of Debian's update-exim4.conf.conf, {} for another file."""
    lines = physical_lines(text)
    return {found[1]: found[2] for line in lines if (found := _DEBIAN.fullmatch(line.strip(BLANKS)))}


def judge_debian(settings: dict[str, str], macros: dict[str, str], subject: str) -> list[Finding]:
    """Return the findings on Debian's own questions and answers (README.Debian of exim4-config)."""
    found = []
    reference = "Debian, exim4-config, README.Debian"
    kind = settings.get("dc_eximconfig_configtype", "")
    for name, whom, fix in _LET_IN:
        if _EVERYBODY.search(settings.get(name, "")):
            evidence = f"{name} = {settings[name]}"
            found.append(judged("open relay", subject, Verdict.FAIL, evidence, whom, fix, reference))
    if kind not in ("smarthost", "satellite"):
        found.append(
            judged(
                "password to the smarthost",
                subject,
                Verdict.INFO,
                f"dc_eximconfig_configtype = {kind}: no smarthost",
                reference=reference,
            )
        )
        return found
    relay = settings.get("dc_smarthost", "")
    ports = [re.search(r"::(\d{1,5})$", one.strip(BLANKS)) for one in relay.split(";")]
    if relay and any(port is None or port[1] == "25" for port in ports):
        found.append(
            judged(
                "OP25B",
                subject,
                Verdict.WARN,
                f"dc_smarthost = {relay}: port 25",
                "Behind OP25B port 25 does not get out: write the port behind two colons.",
                f"dc_smarthost='{host[1]}::587'" if (host := _PLAIN_HOST.fullmatch(relay)) else "",
                "RFC 6409 section 3.1",
            )
        )
    missing = [name for name in _MACROS if macros.get(name) != "*"]
    found.append(
        judged(
            "password to the smarthost",
            subject,
            Verdict.WARN if missing else Verdict.INFO,
            f"dc_smarthost = {relay}; " + (f"not set to *: {', '.join(missing)}" if missing else "TLS must verify"),
            "Debian's transport has hosts_try_auth, which goes on without a login when it fails; no macro changes that."
            + (" The macros go into exim4.conf.localmacros; then run update-exim4.conf." if missing else ""),
            "\n".join(f"{name} = *" for name in missing),
            reference,
        )
    )
    return found
