"""Where the daemons are: Debian packages that conflict with each other, unpacked side by side and never installed.

The packages lie in ``build/debian``, where ``make mta`` and ``.ci/run`` put them; nothing is fetched here.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from mailkit.datasets import DATA

__all__ = ["FETCHED", "PACKAGES", "Missing", "places", "unpacked"]

FETCHED = DATA.parent / "build" / "debian"

PACKAGES = {
    "postfix": ("postfix",),
    "exim": ("exim4-base", "exim4-daemon-light"),
    "dovecot": ("dovecot-core", "dovecot-imapd", "dovecot-pop3d"),
    "exim-heavy": ("exim4-base", "exim4-daemon-heavy"),  # with SPF, where Debian built it
    "opendkim": ("opendkim",),
    "filters": ("opendmarc", "postfix-policyd-spf-python", "publicsuffix"),
}
"""What is unpacked together -> its Debian packages; what these need besides stands in ``build/debian/NAME.list``."""

_PROGRAMS = {
    "postfix": ("/usr/lib/postfix/sbin/master", "/usr/sbin/postfix"),
    "exim": ("/usr/sbin/exim4",),
    "dovecot": ("/usr/sbin/dovecot", "/usr/lib/dovecot/auth"),
    "exim-heavy": ("/usr/sbin/exim4",),
    "opendkim": ("/usr/sbin/opendkim",),
    "filters": ("/usr/bin/policyd-spf", "/usr/sbin/opendmarc"),
}


class Missing(Exception):
    """What is needed to run a daemon is not on this machine, or may not be used; the sentence says what it is."""


def unpacked(name: str, fetched: Path = FETCHED) -> Path:
    """Return the folder with the packages of *name*, unpacked once.

    *name* is a key of :data:`PACKAGES`, or another that ``.ci/mta`` knows.  Raises Missing.
    """
    target = fetched / "unpacked" / name
    if target.exists():
        return target
    if not shutil.which("dpkg"):
        raise Missing(f"no dpkg here to unpack {name} with")
    listed = fetched / f"{name}.list"
    if not listed.exists():
        how = "make mta fetches them" if name in PACKAGES else ".ci/mta fetches them (tests, releases)"
        raise Missing(f"the packages of {name} are not in build/debian: {how}")
    files = [fetched / line for line in listed.read_text(encoding="utf-8").splitlines()]
    if gone := [file.name for file in files if not file.exists()]:
        raise Missing(f"the package {gone[0]} is not in build/debian any more: remove that folder and fetch anew")
    target.parent.mkdir(exist_ok=True)
    loading = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=target.parent))
    loading.chmod(0o755)
    for file in files:
        subprocess.run(["dpkg", "-x", file, loading], check=True)
    try:
        loading.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(loading)
    return target


def places(*names: str) -> tuple[Path, ...]:
    """Return the folders that hold the packages *names*; none for what is installed already.  Raises Missing."""
    return tuple(unpacked(name) for name in names if not _is_installed(name))


def _is_installed(name: str) -> bool:
    """Return whether the system has all of *name*, and no packages were fetched, whose version is the known one."""
    return not (FETCHED / f"{name}.list").exists() and all(Path(program).exists() for program in _PROGRAMS[name])
