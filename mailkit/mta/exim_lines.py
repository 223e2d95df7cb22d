"""Where Exim's files lie on a Debian server, and one line of the first of them."""

from __future__ import annotations

from mailkit.mta.settings import ConfigLine, Probe

__all__ = ["ACCOUNTS", "FILE", "PASSWORDS", "at"]

FILE = "/etc/exim4/exim4.conf"
ACCOUNTS = "/etc/exim4/passwd"
PASSWORDS = "/etc/exim4/passwd.client"


def at(line: str, why: str = "", sees: str = "", probe: Probe = Probe.NONE) -> ConfigLine:
    """Return a line of Exim's file, or the lines of one statement."""
    return ConfigLine(FILE, line, why, sees, probe)
