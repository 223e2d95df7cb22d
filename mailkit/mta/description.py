"""What a mail server is to do, said once: the values that go into its configuration, each judged before it is written.

A value ends up in files of several programs with several grammars.  Names and paths are held to an alphabet that means
nothing special in any of them; what one logs in with may be nearly anything, and goes only into files that are read
literally.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mailkit.mta.versions import SOFTWARE, numbers
from mailkit.network.names import is_host_name, to_ascii
from mailkit.results import Record

__all__ = ["JOBS", "Description", "describe"]

JOBS = ("submission", "smarthost", "receiving")

_PATH = re.compile(r"(?:/[A-Za-z0-9_@+=-][A-Za-z0-9._@+=-]*)+")
_SELECTOR = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_MOST = {"user": 254, "password": 512}  # characters: more than providers give out, less than a line of a file may have
_LONGEST_NAME = 253  # octets of a name in the DNS (RFC 1035 section 2.3.4)

_NEEDED = {
    "submission": ("selector", "key", "certificate", "certificate_key"),
    "smarthost": ("relay", "user", "password"),
    "receiving": ("certificate", "certificate_key", "postmaster"),
}
_TAKEN = {
    "submission": ("ed25519_selector", "ed25519_key"),
    "smarthost": ("relay_port", "ca_file", "selector", "key", "ed25519_selector", "ed25519_key"),
    "receiving": (),
}


@dataclass(frozen=True)
class Description(Record):
    """One mail server described.

    ``hostname`` is the name that its address's reverse DNS gives and that it says in EHLO, ``domain`` what stands
    behind the @.  Paths are where a file will lie on the server.  ``relay`` with ``relay_port`` is the smarthost: 587
    and 2525 mean STARTTLS, 465 TLS at once.  ``postmaster`` is the local account that reads the postmaster's mail.  The
    password is never displayed.
    """

    job: str
    software: str
    version: str
    domain: str
    hostname: str
    selector: str = ""
    key: str = ""
    ed25519_selector: str = ""
    ed25519_key: str = ""
    certificate: str = ""
    certificate_key: str = ""
    relay: str = ""
    relay_port: int = 587
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False, metadata={"shown": False})
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    postmaster: str = ""

    @property
    def numbers(self) -> tuple[int, int]:
        """The version as two numbers, such as (3, 7)."""
        first, second = self.version.split(".")
        return int(first), int(second)

    @property
    def keys(self) -> tuple[tuple[str, str, str], ...]:
        """The DKIM keys: algorithm, selector and path of each; none where nothing is signed."""
        both = (
            ("rsa-sha256", self.selector, self.key),
            ("ed25519-sha256", self.ed25519_selector, self.ed25519_key),
        )
        return tuple(one for one in both if one[1])


def describe(job: str, **description: Any) -> Description:
    """Return the description of a mail server for *job*, with every value in the form in which it can be written.

    Raises ValueError or TypeError with a sentence for a value that is missing, not known for this job, or that the
    files cannot hold.
    """
    if job not in JOBS:
        raise ValueError(f"job is one of {', '.join(JOBS)}, not {job!r}")
    given = {"software": "postfix", **description}
    software = given["software"]
    if not isinstance(software, str) or software not in SOFTWARE:
        raise ValueError(f"software is one of {', '.join(SOFTWARE)}, not {software!r}")
    given.setdefault("version", "{}.{}".format(*SOFTWARE[software][0]))
    needed = ("domain", "hostname", *_NEEDED[job])
    known = {"software", "version", *needed, *_TAKEN[job]}
    if unknown := sorted(given.keys() - known):
        raise TypeError(f"the job {job!r} takes no {', '.join(unknown)}; it takes {', '.join(sorted(known))}")
    if missing := [name for name in needed if given.get(name) in (None, "")]:
        raise ValueError(f"the job {job!r} needs {', '.join(missing)} too")
    for name in ("selector", "ed25519_selector"):
        other = name.replace("selector", "key")
        if bool(given.get(name)) != bool(given.get(other)):
            raise ValueError(f"{name} and {other} belong together: pass both, or none")
    if given.get("ed25519_selector") and not given.get("selector"):
        raise ValueError("sign with RSA too: receivers such as Gmail do not verify Ed25519; pass selector and key")
    written = Description(job=job, **{name: _written(name, value, software) for name, value in given.items()})
    selectors = [selector for _, selector, _ in written.keys]
    if len({selector.lower() for selector in selectors}) < len(selectors):  # the DNS knows no capital letters
        raise ValueError("two keys need two selectors: one name in the DNS holds one key (RFC 6376 section 3.6.2.2)")
    if any(len(f"{selector}._domainkey.{written.domain}") > _LONGEST_NAME for selector in selectors):
        raise ValueError("the selector is too long: no name in the DNS holds it (RFC 1035 section 2.3.4)")
    if software == "exim" and written.postmaster == "root":
        raise ValueError("Exim delivers nothing to root (never_users): postmaster is the account of somebody who reads")
    return written


def _written(name: str, value: Any, software: str) -> Any:
    """Return *value* as it goes into the files."""
    if name == "relay_port":
        return _port(value)
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    if name == "software":
        return value
    if name == "version":
        return _version(value, software)
    if name in ("domain", "hostname", "relay"):
        return _host(name, value)
    if name in _MOST:
        return _literal(name, value, software)
    if name == "postmaster":
        return _fits(_ACCOUNT, name, value, "the name of an account on this machine, in small letters")
    if name in ("selector", "ed25519_selector"):
        return (
            _fits(_SELECTOR, name, value, "letters, digits and hyphens, with dots between them, like '2026a'")
            if value
            else ""
        )
    if not value and name != "ca_file":
        return ""
    _fits(_PATH, name, value, "a full path of letters, digits and . _ @ + = -, like '/etc/dkimkeys/2026a.pem'")
    if len(value) > 200:
        raise ValueError(f"{name} is too long for a path: at most 200 characters")
    return value


def _host(name: str, value: str) -> str:
    try:
        ascii_name = to_ascii(value)
    except ValueError as error:
        more = "; its certificate is checked against its name" if name == "relay" else ""
        raise ValueError(f"{name}: {error}{more}") from None
    if not is_host_name(ascii_name) or "." not in ascii_name:
        raise ValueError(f"{name} is a full name of letters, digits, hyphens and dots, not {value[:80]!r}")
    return ascii_name


def _fits(pattern: re.Pattern[str], name: str, value: str, wanted: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{name} is {wanted}, not {value[:80]!r}")
    return value


def _port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"relay_port is a number, not {type(value).__name__}")
    if value == 25:
        raise ValueError("port 25 is what OP25B blocks, and it takes no login: pass 587, 465 or 2525")
    if not 0 < value < 65536:
        raise ValueError("relay_port is a port such as 587, 465 or 2525")
    return value


def _version(value: str, software: str) -> str:
    first, last = SOFTWARE[software]
    try:
        given = numbers(value)[:2]
    except ValueError:
        given = (0, 0)
    if not first <= given <= last:
        known = "{}.{} to {}.{}".format(*first, *last)
        raise ValueError(f"the settings of {software} are known for version {known}, not for {value[:20]!r}")
    return "{}.{}".format(*given)


def _literal(name: str, value: str, software: str) -> str:
    """Return what one logs in with, as a table file holds it; no message repeats any of it."""
    if len(value) > _MOST[name]:
        raise ValueError(f"the {name} is longer than {_MOST[name]} characters")
    # Whatever str.splitlines takes for the end of a line, too: nobody types it, and no two programs agree on it.
    if not value.isprintable():
        raise ValueError(f"the {name} has a line break or another character that no line of a file shows as it is")
    if value != value.strip():
        raise ValueError(f"the {name} begins or ends with a space, which the file's reader strips off")
    if name == "user" and ":" in value:
        raise ValueError("the user has a colon, which parts the name from the password in the file")
    if software == "exim" and "^" in value:
        raise ValueError(
            f"the {name} has a ^, with which Exim parts the name from the password: choose one without (Exim's "
            "manual, plaintext authenticator)"
        )
    return value
