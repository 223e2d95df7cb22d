"""From the files that ``mta.configure`` writes to running daemons on a machine: what an administrator does by hand."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from mailkit.lab.core import Lab
from mailkit.lab.daemons.machine import Machine, why_none
from mailkit.lab.daemons.packages import Missing, places
from mailkit.mta import Configuration

__all__ = ["DOORS", "LOGS", "require", "roots", "set_up", "start_daemons"]

DOORS = {"submission": (25, 587, 465), "smarthost": (), "receiving": (25,)}
"""Job -> the ports at which the world reaches the machine."""
LOGS = {"postfix": "var/log/mail.log", "exim": "var/log/exim4/mainlog"}

_SIGNERS = {"rsa-sha256": ("rsa", 8891), "ed25519-sha256": ("ed25519", 8892)}
_VERIFIERS = (8893, 8894)
# What the practice internet adds.  The cable carries IPv4 only, and nobody waits half a minute, or five, for what a
# filter drops.  (With TCP Fast Open Exim does not wait for the connection, but five minutes for the greeting.)
_POSTFIX = """
# Added for the practice internet.
maillog_file = /var/log/mail.log
inet_protocols = ipv4
smtp_connect_timeout = 5s
"""
_EXIM = "# Added for the practice internet.\ndisable_ipv6 = true\n\n"
_EXIM_TRANSPORT = "  connect_timeout = 5s\n  hosts_try_fastopen =\n"
_DOVECOT = """\
protocols =
ssl = no
log_path = /var/log/dovecot
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = dovecot
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=997 gid=997 home=/tmp
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
!include conf.d/99-postfix.conf
"""


def roots(software: str, job: str) -> tuple[Path, ...]:
    """Return the folders with the packages that *software* takes for *job*.  Raises Missing."""
    if software == "exim":
        return places("exim-heavy" if job == "receiving" else "exim")
    more = {"submission": ("dovecot",), "receiving": ("filters",)}
    return places("postfix", "opendkim", *more.get(job, ()))


def require(software: str, job: str) -> None:
    """Raise Missing, with a sentence, where *software* cannot be run for *job*."""
    name = software.capitalize()
    if why := why_none(as_root=software == "postfix" or job == "receiving"):
        raise Missing(f"{name} cannot be run here: {why}")
    roots(software, job)


def set_up(machine: Machine, configuration: Configuration, lab: Lab, at: tuple[Path, ...]) -> None:
    """Write the files of *configuration* to *machine*, with keys, certificate and accounts out of *lab*'s world.

    *at* are the folders with the packages, for the tables that Postfix brings along.
    """
    wanted = configuration.description
    configuration.write(machine.folder)
    etc = machine.folder / "etc"
    authority = Path(lab.ca_file).read_bytes()
    for place in {"/etc/ssl/certs/ca-certificates.crt", wanted.ca_file}:
        _write(etc.parent / place.lstrip("/"), authority)
    if wanted.certificate:
        pem = lab.world.ca_file.with_name(f"{wanted.hostname}.pem").read_bytes()
        start = pem.index(b"-----BEGIN CERTIFICATE")
        _write(etc.parent / wanted.certificate_key.lstrip("/"), pem[:start])
        _write(etc.parent / wanted.certificate.lstrip("/"), pem[start:])
    for _, selector, path in wanted.keys:
        key = (lab.world.folder / "keys" / f"{selector}._domainkey.{wanted.domain}.pem").read_bytes()
        _write(etc.parent / path.lstrip("/"), key[key.index(b"-----BEGIN") :])  # OpenDKIM takes no remark before it
    people = [one for one in lab.world.mailboxes.values() if one.user.endswith(f"@{wanted.domain}")]
    if wanted.software == "exim":
        hashes = "".join(f"{one.user}:{{sha1}}{hashlib.sha1(one.password.encode()).hexdigest()}\n" for one in people)
        _exim(machine, hashes)
    else:
        _postfix(machine, at, "".join(f"{one.user}:{{PLAIN}}{one.password}\n" for one in people))
    owner = "Debian-exim" if wanted.software == "exim" else "opendkim"
    for _, _, path in wanted.keys:
        machine.own_to(owner, str(Path(path).parent), mode=0o700)
        machine.own_to(owner, path, mode=0o600)
    if wanted.software == "exim" and wanted.certificate:
        machine.own_to(owner, wanted.certificate_key, mode=0o640)


def _write(path: Path, octets: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)


def _exim(machine: Machine, hashes: str) -> None:
    _write(machine.folder / "etc/exim4/passwd", hashes.encode())
    machine.own_to("Debian-exim", "/var/spool/exim4", "/var/log/exim4", "/run/exim4")
    file = machine.folder / "etc/exim4/exim4.conf"
    text = file.read_text()
    transport = "remote_smtp:\n  driver = smtp\n"
    file.write_text(_EXIM + text.replace(transport, transport + _EXIM_TRANSPORT))
    for name in ("passwd", "passwd.client"):
        if (machine.folder / "etc/exim4" / name).exists():
            machine.own_to("Debian-exim", f"/etc/exim4/{name}", mode=0o640)


def _postfix(machine: Machine, at: tuple[Path, ...], accounts: str) -> None:
    etc = machine.folder / "etc"
    for name in ("postfix-files", "dynamicmaps.cf"):
        for root in (*at, Path("/")):
            for source in (root / "etc/postfix" / name, root / "usr/share/postfix" / name):
                if source.exists() and not (etc / "postfix" / name).exists():
                    shutil.copy(source, etc / "postfix" / name)
    with open(etc / "postfix/main.cf", "a", encoding="utf-8") as main:
        main.write(_POSTFIX)
    machine.own_to("postfix", "/var/lib/postfix", "/var/spool/postfix/private")
    machine.run("sh", "-c", "chgrp postdrop {0}; chmod 2755 {0}".format("/usr/sbin/postqueue /usr/sbin/postdrop"))
    (machine.folder / "run/dovecot").mkdir()
    _write(etc / "dovecot/dovecot.conf", _DOVECOT.encode())
    _write(etc / "dovecot/users", accounts.encode())
    if (verifier := etc / "opendkim/verify.conf").exists():
        with open(verifier, "a", encoding="utf-8") as file:
            file.write("Nameservers 127.0.0.1\n")  # Debian's OpenDKIM would begin at the true root of the DNS


def start_daemons(machine: Machine, configuration: Configuration, *, signer: bool = True) -> None:
    """Start what *configuration* needs, and return when it listens; without *signer* no OpenDKIM."""
    wanted = configuration.description
    if wanted.software == "exim":
        # Without root Exim reads its own file only when it is named: it takes one of root's for granted.
        named = ["-C", "/etc/exim4/exim4.conf"] if machine.single else []
        machine.start("exim4", *named, "-bdf", "-q1m")
        log = machine.folder / LOGS["exim"]
        machine.until(lambda: log.exists() and "End queue run" in log.read_text(), "the end of the first queue run")
    else:
        if signer:
            for algorithm, _, _ in wanted.keys:
                name, port = _SIGNERS[algorithm]
                machine.start("opendkim", "-f", "-x", f"/etc/opendkim/{name}.conf")
                machine.wait_for(port)
        if wanted.job == "submission":
            machine.start("dovecot", "-F")
        if wanted.job == "receiving":
            machine.start("opendkim", "-f", "-x", "/etc/opendkim/verify.conf")
            machine.start("opendmarc", "-f", "-c", "/etc/opendmarc.conf")
            machine.wait_for(*_VERIFIERS)
        machine.start("postfix", "start-fg")
    machine.wait_for(25, *DOORS[wanted.job])
    if wanted.software == "postfix" and wanted.job == "submission":
        machine.until((machine.folder / "var/spool/postfix/private/auth").exists, "a socket of Dovecot's")
