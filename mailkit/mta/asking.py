"""What Postfix and Exim say of themselves where they are installed: postconf(1), ``exim -bV``."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

__all__ = ["exim_version", "postfix_version", "postfix_warnings"]

_SECONDS = 20
_MOST_WARNINGS = 50


def postfix_version() -> tuple[int, int] | None:
    """Return the version of the Postfix that is installed here, None where there is none."""
    return _version(r"(\d{1,3})\.(\d{1,3})", "postconf", "-d", "-h", "mail_version")


def exim_version() -> tuple[int, int] | None:
    """Return the version of the Exim that is installed here, None where there is none."""
    pattern = r"Exim version (\d{1,3})\.(\d{1,3})"
    return _version(pattern, "exim", "-bV") or _version(pattern, "exim4", "-bV")


def postfix_warnings(folder: Path) -> list[str]:
    """Return what ``postconf`` warns of in the files in *folder*; nothing where it is not installed."""
    said = _run("postconf", "-c", str(folder.resolve()), "-n")
    lines = said.stderr.splitlines() if said else []
    return [line.partition("warning: ")[2] for line in lines if "warning: " in line][:_MOST_WARNINGS]


def _version(pattern: str, *command: str) -> tuple[int, int] | None:
    said = _run(*command)
    found = re.search(pattern, said.stdout) if said else None
    return (int(found[1]), int(found[2])) if found else None


def _run(program: str, *options: str) -> subprocess.CompletedProcess[str] | None:
    path = shutil.which(program)
    if not path:
        return None
    try:
        return subprocess.run(
            [path, *options],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
