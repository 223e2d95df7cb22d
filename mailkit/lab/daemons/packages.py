"""Where the daemons are: Debian packages that conflict with each other, unpacked side by side and never installed.

The packages lie in ``build/debian``, where ``make mta`` and ``.ci/run`` put them; nothing is fetched here.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mailkit.datasets import DATA

__all__ = ["FETCHED", "PACKAGES", "Missing", "places", "unpacked"]

FETCHED = DATA.parent / "build" / "debian"

PACKAGES = {
    "postfix": ("postfix",),
    "exim": ("exim4-base", "exim4-daemon-light", "libidn12"),
    "dovecot": ("dovecot-core", "dovecot-imapd", "dovecot-pop3d"),
    # A larger Exim, and the filters beside Postfix.
    "exim-heavy": ("exim4-base", "exim4-daemon-heavy", "libidn12", "libspf2-2", "libmariadb3", "libpq5", "libperl5.36",
                   "libldap-2.5-0"),
    "filters": ("postfix-policyd-spf-python", "python3-spf-engine", "python3-spf", "python3-authres",
                "python3-dnspython", "opendmarc", "libopendmarc2", "libmilter1.0.1", "libbsd0",
                "libmariadb3", "publicsuffix"),
}  # fmt: skip
"""What is unpacked together -> its Debian packages."""

_PROGRAMS = {
    "postfix": ("/usr/lib/postfix/sbin/master", "/usr/sbin/postfix"),
    "exim": ("/usr/sbin/exim4",),
    "dovecot": ("/usr/sbin/dovecot", "/usr/lib/dovecot/auth"),
    "exim-heavy": ("/usr/sbin/exim4",),
    "filters": ("/usr/bin/policyd-spf", "/usr/sbin/opendmarc"),
}


class Missing(Exception):
    """What is needed to run a daemon is not on this machine, or may not be used; the sentence says what it is."""


def unpacked(name: str, fetched: Path = FETCHED, *, parts: Sequence[str] = ()) -> Path:
    """Return the folder with the packages of *name*, unpacked once; raise Missing.

    *name* is a key of :data:`PACKAGES`, or anything where *parts* says of which packages it is made.
    """
    parts = parts or PACKAGES[name]
    target = fetched / "unpacked" / name
    if target.exists():
        return target
    if not shutil.which("dpkg"):
        raise Missing(f"no dpkg here to unpack {name} with")
    found = [sorted(fetched.glob(f"{package}_*.deb")) for package in parts]
    for package, files in zip(parts, found):
        if not files:
            raise Missing(f"the Debian package {package} is not in build/debian: make mta fetches it")
    target.parent.mkdir(exist_ok=True)
    loading = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=target.parent))
    loading.chmod(0o755)
    for files in found:
        subprocess.run(["dpkg", "-x", files[-1], loading], check=True)
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
    programs = _PROGRAMS[name]
    fetched = any(FETCHED.glob(f"{PACKAGES[name][0]}_*.deb"))
    return not fetched and all(Path(program).exists() for program in programs)
