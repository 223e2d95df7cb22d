"""A mail server as ``mta.configure`` writes it, run for real: the daemons of its job, a world around it, and a sink."""

from __future__ import annotations

import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography.hazmat.primitives import serialization
from support_daemons import unpacked
from support_machine import ADDRESSES, Machine, machine
from support_tls import Authority

from mailkit import dkim, mta
from mailkit.lab.daemons.packages import places

__all__ = [
    "AUTHORITY",
    "DOMAIN",
    "HOST",
    "PASSWORD",
    "RELAY",
    "ROOT_PEM",
    "USER",
    "Running",
    "Sink",
    "client",
    "description",
    "running",
]

AUTHORITY = Authority()
ROOT_PEM = AUTHORITY.certificate.public_bytes(serialization.Encoding.PEM).decode()
DOMAIN, HOST, RELAY = "kaisha.example", "mail.kaisha.example", "smtp.relay.example"
USER = 'KAISHA\\hanako|"1" #2 ${y} /;{}'
PASSWORD = 'it\'s "all" $one #pass:word, {really} \\ 50%'
"""Both with every character that means something in one of the files."""
KEYS = {"r2026": dkim.generate(), "e2026": dkim.generate("ed25519-sha256")}
PATHS = {"certificate": "/etc/ssl/mail.pem", "certificate_key": "/etc/ssl/mail.key"}
SIGNING = {
    "selector": "r2026", "key": "/etc/dkimkeys/r2026.pem",
    "ed25519_selector": "e2026", "ed25519_key": "/etc/dkimkeys/e2026.pem",
}  # fmt: skip
SPOOLS = """\
mkdir -p /var/spool/exim4 /var/log/exim4 /run/exim4 /var/spool/postfix/private /var/lib/postfix /run/dovecot
chown 991:991 /var/spool/exim4 /var/log/exim4 /run/exim4
chown postfix /var/lib/postfix /var/spool/postfix/private
for program in postqueue postdrop; do chgrp -f postdrop /usr/sbin/$program && chmod 2755 /usr/sbin/$program; done
test ! -e /usr/sbin/exim4 || chmod u+s /usr/sbin/exim4
"""
_DOVECOT = """\
protocols =
ssl = no
log_path = /var/log/dovecot
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = dovecot
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN /etc/dovecot/users
}}
userdb {{
  driver = static
  args = uid=997 gid=997 home=/tmp
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
!include conf.d/99-postfix.conf
"""


def description(job: str, software: str, **changes: Any) -> dict[str, Any]:
    """The words that configure() takes for *job* in these tests."""
    base = {"software": software, "domain": DOMAIN, "hostname": HOST}
    more: dict[str, Any] = {
        "submission": PATHS | SIGNING,
        "smarthost": {
            "relay": RELAY,
            "user": USER,
            "password": PASSWORD,
            "ca_file": "/etc/ssl/ca.pem",
        },
        "receiving": PATHS | {"postmaster": "hanako"},
    }[job]
    return base | more | changes


@dataclass
class Sink:
    """A server that takes everything: who logged in, what came, and the commands it saw."""

    messages: list[tuple[list[str], bytes]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.messages.append((list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 taken"

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self.commands.append("MAIL")
        envelope.mail_from = address
        return "250 2.1.0 ok"

    def log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


class Running:
    """A machine with the daemons of one job on it."""

    def __init__(self, box: Machine, software: str, configuration: mta.Configuration) -> None:
        self.machine, self.software, self.configuration = box, software, configuration
        self.signers: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        where = "var/log/mail.log" if self.software == "postfix" else "var/log/exim4/mainlog"
        path = self.machine.root / where
        return path.read_text(errors="replace") if path.exists() else ""

    def sink(
        self,
        who: str,
        port: int,
        certificate: bytes | None = None,
        auth: bool = False,
        sink: Sink | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Sink:
        """Start a server that takes everything at the address of *who*; *sink* and *options* may be pickier."""
        sink = sink or Sink()
        options = dict(options or {})
        if certificate is not None:
            pem = self.machine.folder / f"{who}{port}.pem"
            pem.write_bytes(certificate)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            options["ssl_context" if port == 465 else "tls_context"] = context
        if auth:
            options |= {
                "authenticator": sink.log_in,
                "auth_require_tls": port != 465 and certificate is not None,
                "auth_required": True,
            }
        controller = Controller(sink, hostname=ADDRESSES[who], port=port, ready_timeout=60, **options)
        self.machine.inside(controller.start, outside=True)
        return sink

    def mailbox(self, name: str = "hanako") -> str:
        path = self.machine.root / "var/mail" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def start_signers(self) -> None:
        for _, selector, _ in self.configuration.description.keys:
            short = "rsa" if selector == "r2026" else "ed25519"
            self.signers.append(self.machine.start("opendkim", "-f", "-x", f"/etc/opendkim/{short}.conf"))
        self.machine.wait_for("127.0.0.1", *[8891, 8892][: len(self.signers)])


class _AtOnce(smtplib.SMTP_SSL):
    """TLS at once with a host whose name only the machine's own DNS knows."""

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        raw = smtplib.SMTP._get_socket(self, host, port, timeout)  # type: ignore[attr-defined]
        return self.context.wrap_socket(raw, server_hostname=HOST)


def client(box: Machine, port: int) -> smtplib.SMTP:
    """A connection of a stranger to the server's port; 465 begins with TLS."""
    context = ssl.create_default_context(cadata=ROOT_PEM)
    options: dict[str, Any] = {
        "timeout": 60, "source_address": (ADDRESSES["stranger"], 0), "local_hostname": "client.example",
    }  # fmt: skip
    if port == 465:
        return box.inside(lambda: _AtOnce(ADDRESSES["server"], port, context=context, **options), outside=True)
    return box.inside(lambda: smtplib.SMTP(ADDRESSES["server"], port, **options), outside=True)


@contextmanager
def running(
    folder: Path,
    job: str,
    software: str,
    records: dict[tuple[str, str], list[str]] | None = None,
    build: str = "heavy",
    release: str = "",
    **changes: Any,
) -> Iterator[Running]:
    """Run the daemons of *job*; *records* stand in its DNS besides those that every test needs.

    *release* is a version of *software* from another release of Debian or Ubuntu, which the files are written for.
    """
    roots = [unpacked("postfix"), *places("opendkim"), unpacked("filters"), unpacked("dovecot")]
    if software == "exim":
        roots = [unpacked("exim-heavy" if build == "heavy" else "exim")]
    if release:
        roots[0] = unpacked(f"{software}-{release}")
        changes["version"] = release
    configuration = mta.configure(job, **description(job, software, **changes))
    with machine(folder, *roots) as box:
        files = folder / "files"
        configuration.write(files)
        _prepare(box, software, roots[0], files)
        world = {
            (HOST, "A"): [ADDRESSES["server"]],
            (RELAY, "A"): [ADDRESSES["relay"]],
            ("other.example", "MX"): ["10 mx.other.example."],
            ("mx.other.example", "A"): [ADDRESSES["receiver"]],
            **{(f"{name}._domainkey.{DOMAIN}", "TXT"): [_quoted(pair)] for name, pair in KEYS.items()},
            **(records or {}),
        }
        box.publish(world)
        one = Running(box, software, configuration)
        if configuration.description.keys and software == "postfix":
            one.start_signers()
        if software == "exim":
            box.start("exim4", "-bdf", "-q1m")
        else:
            if job == "submission":
                box.start("dovecot", "-F")
            if job == "receiving":
                box.start("opendkim", "-f", "-x", "/etc/opendkim/verify.conf")
                box.start("opendmarc", "-f", "-c", "/etc/opendmarc.conf")
                box.wait_for("127.0.0.1", 8893, 8894)
            box.start("postfix", "start-fg")
        ports = {"submission": (25, 587, 465), "smarthost": (25,), "receiving": (25,)}[job]
        box.wait_for("127.0.0.1" if job == "smarthost" else ADDRESSES["server"], *ports)
        yield one


def _quoted(pair: dkim.KeyPair) -> str:
    return " ".join(f'"{piece}"' for piece in pair.strings)


def _prepare(box: Machine, software: str, root: Path, files: Path) -> None:
    etc = box.root / "etc"
    shutil.copytree(files / "etc", etc, dirs_exist_ok=True)
    (etc / "ssl/ca.pem").write_text(ROOT_PEM)
    pem = AUTHORITY.issue(HOST).pem()
    start = pem.index(b"-----BEGIN CERTIFICATE")
    (etc / "ssl/mail.key").write_bytes(pem[:start])
    (etc / "ssl/mail.pem").write_bytes(pem[start:])
    (etc / "dkimkeys").mkdir(exist_ok=True)
    for selector, pair in KEYS.items():
        (etc / f"dkimkeys/{selector}.pem").write_text(pair.private_key)
    owner = "opendkim" if software == "postfix" else "Debian-exim"
    box.run("sh", "-c", SPOOLS + f"chown -R {owner} /etc/dkimkeys; chmod 700 /etc/dkimkeys; chmod 600 /etc/dkimkeys/*")
    if software == "postfix":
        for name in ("postfix-files", "dynamicmaps.cf"):
            for source in (root / "etc/postfix" / name, root / "usr/share/postfix" / name):
                if source.exists():
                    shutil.copy(source, etc / "postfix" / name)
        (etc / "dovecot").mkdir(exist_ok=True)
        (etc / "dovecot/dovecot.conf").write_text(_DOVECOT.format())
        (etc / "dovecot/users").write_text("hanako:{PLAIN}practice-only\n")
        for conf in ("opendkim/verify.conf",):
            if (etc / conf).exists():  # built with libunbound, which would ask the root servers
                with open(etc / conf, "a") as more:
                    more.write("Nameservers 127.0.0.1\n")
        box.run("postconf", "-e", "maillog_file=/var/log/mail.log")
    else:
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "practice-only"], capture_output=True, text=True, check=True
        ).stdout.strip()
        (etc / "exim4/passwd").write_text(f"hanako:{hashed}\n")
        box.run("sh", "-c", "chown root:Debian-exim /etc/exim4/passwd* /etc/ssl/mail.key; chmod 640 /etc/exim4/passwd*")
