"""Try a login on one's own server: only over verified TLS, and it sends nothing.

RFC 8314 section 3.3 has submission clients verify the server's certificate before anything else; a password goes
to nobody whose name has not been checked.  It comes from a prompt or from the environment variable
MAILKIT_PASSWORD, is kept nowhere, and what a server says is cleared of it before anybody sees it.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import os
import secrets as random
import smtplib
import warnings
from dataclasses import dataclass, replace

from mailkit.clients import IMPLICIT_TLS_PORTS, SMTP, Credentials, Line
from mailkit.conversation.attempts import FAILURES, explain
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden, visible
from mailkit.smtp_auth import scram
from mailkit.smtp_auth.conversation import meaning
from mailkit.smtp_auth.mechanisms import cram_md5

__all__ = ["VARIABLE", "Login", "login"]

VARIABLE = "MAILKIT_PASSWORD"

# In the order of preference.  Inside verified TLS the three that send something are much alike to an eavesdropper;
# SCRAM also has the server prove that it knows the password.
_PREFERRED = ("SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5")


@dataclass(frozen=True)
class Login(Record):
    """How a login ended.  ``server_proved`` is None where the mechanism has the server prove nothing."""

    host: str
    port: int
    user: str
    outcome: Outcome
    stage: Stage
    mechanism: str = ""
    server_proved: bool | None = None
    reply: str = ""
    reason: str = ""
    dialogue: Rows[Line] = hidden(None)
    detail: str = hidden()


class _Unproved(scram.ScramError):
    """The server took the password's proof but could not show one of its own."""


def login(
    host: str,
    port: int,
    user: str | None,
    *,
    net: Network,
    password: str | None = None,
    mechanism: str | None = None,
    timeout: float | None = None,
) -> Login:
    """Log in to *host*:*port* as *user* and leave again; nothing is sent.

    The password is asked for at a prompt, or taken from the environment variable MAILKIT_PASSWORD; *password* is for
    the practice internet and for programs.  *mechanism* is one of SCRAM-SHA-256, PLAIN, LOGIN and CRAM-MD5 (default:
    the first of these that the server offers).  With *user* None, or no way to ask for a password, nothing is done
    and the outcome is ``not_run``.  *timeout* is the deadline in seconds.  Raises ValueError for another mechanism.
    """
    if mechanism is not None and mechanism not in _PREFERRED:
        raise ValueError(f"mechanism is one of {', '.join(_PREFERRED)}, or None for the best that is offered")
    if not user:
        reason = "no account named, so nobody logged in"
        return Login(host, port, "", Outcome.NOT_RUN, Stage.CONNECT, reason=reason)
    secret = _secret(user, host, password)
    del password  # from here on it is only where no display looks
    if secret is None:
        reason = f"no password: set {VARIABLE}, or run this where it can be asked for"
        return Login(host, port, user, Outcome.NOT_RUN, Stage.CONNECT, reason=reason)
    smtp = _Client(net, host, port, timeout=timeout or 4 * net.timeout)
    result = Login(host, port, user, Outcome.OPEN, Stage.AUTH)
    try:
        with net.slot(host):
            smtp.enter()
            result = replace(result, mechanism=smtp.choose(mechanism))
            result = replace(result, server_proved=smtp.authenticate(result.mechanism, secret))
            reply = smtp.answer_to_auth
            smtp.leave()
    except FAILURES as error:
        ended = explain(error, smtp.stage)
        reply = smtp.answer_to_auth
        reason = ended.reason
        if isinstance(error, scram.ScramError):
            reason = str(error)
        elif ended.outcome is Outcome.REJECTED and reply:
            reason = meaning(reply)
        smtp.close()
        result = replace(
            result,
            outcome=ended.outcome,
            stage=ended.stage,
            server_proved=False if isinstance(error, _Unproved) else None,
            reason=smtp.cleared(reason),
            detail=smtp.cleared(ended.detail),
        )
    lines = [replace(line, text=smtp.cleared(line.text)) for line in smtp.lines]
    return replace(result, reply=smtp.cleared(reply), dialogue=Rows(Line, lines, caption=net.caption))


def _secret(user: str, host: str, password: str | None) -> Credentials | None:
    given = password or os.environ.get(VARIABLE)
    if given:
        return Credentials(user, given)
    try:
        with warnings.catch_warnings():
            # Where it cannot switch the echo off, getpass would show what is typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = getpass.getpass(f"Password of {user} at {host} (not stored): ")
    except (EOFError, OSError, NotImplementedError, getpass.GetPassWarning):
        return None
    return Credentials(user, typed) if typed else None


class _Client(SMTP):
    """An SMTP client that logs in by SASL and remembers what must not be shown."""

    _sent: tuple[str, ...] = ()

    def enter(self) -> None:
        """Connect and introduce ourselves inside TLS, its certificate verified; raises when that is not to be had."""
        context = self.net.tls_context()
        self._expect(220, self.open(context=context if self.port in IMPLICIT_TLS_PORTS else None))
        self._expect(250, self.introduce())
        if not self.encrypted:
            self.secure(context)

    def _expect(self, wanted: int, code: int) -> None:
        if code != wanted:
            raise smtplib.SMTPResponseException(code, self.lines[-1].text[4:] if self.lines else "")

    @property
    def answer_to_auth(self) -> str:
        """The server's last line, if it came after AUTH."""
        asked = any(line.who == "C" and line.text.startswith("AUTH ") for line in self.lines)
        return self.lines[-1].text if asked and self.lines[-1].who == "S" else ""

    def choose(self, wanted: str | None) -> str:
        """Return the mechanism to use; raises SMTPNotSupportedError when the server offers none that will do."""
        self.stage = Stage.AUTH
        offered = self.esmtp_features.get("auth", "").upper().split()
        for mechanism in (wanted,) if wanted else _PREFERRED:
            if mechanism in offered:
                return mechanism
        raise smtplib.SMTPNotSupportedError(f"{wanted or 'no mechanism known here'} is not offered inside TLS")

    def authenticate(self, mechanism: str, secret: Credentials) -> bool | None:
        """Carry the exchange through; return True when the server proved itself, None when it does not do that."""
        # Lines of the dialogue are spelled out by visible(), so the password is looked for in that form as well.
        self._sent = (secret.password, visible(secret.password, 2000))
        if mechanism == "SCRAM-SHA-256":
            self._scram(secret)
            return True
        if mechanism == "PLAIN":
            reply = self._start(mechanism, f"\0{secret.user}\0{secret.password}".encode())
        elif mechanism == "LOGIN":
            reply = self._start(mechanism)
            for part in (secret.user, secret.password):
                self._challenge(reply)
                reply = self._respond(part.encode())
        else:
            reply = self._start(mechanism)
            reply = self._respond(cram_md5(secret.user, secret.password, self._challenge(reply)))
        self._done(reply)
        return None

    def _scram(self, secret: Credentials) -> None:
        first = scram.client_first(secret.user, random.token_urlsafe(18))
        server_first = self._text(self._start("SCRAM-SHA-256", first.encode()))
        try:
            final, expected = scram.client_final(secret.password, first, server_first)
        except scram.ScramError:
            self.docmd("*")  # RFC 4954 section 4: how a client gives up
            raise
        if self._text(self._respond(final.encode())) != expected:
            self.docmd("*")
            raise _Unproved("the server's proof is wrong: it does not know the password")
        self._done(self._respond(b""))

    def _start(self, mechanism: str, initial: bytes | None = None) -> tuple[int, bytes]:
        # "=" stands for a response of no length (RFC 4954 section 4).
        return self.docmd("AUTH", mechanism if initial is None else f"{mechanism} {self._encoded(initial) or '='}")

    def _respond(self, response: bytes) -> tuple[int, bytes]:
        return self.docmd(self._encoded(response))

    def _encoded(self, response: bytes) -> str:
        text = base64.b64encode(response).decode("ascii")
        self._sent = (*self._sent, text)
        return text

    def _challenge(self, reply: tuple[int, bytes]) -> bytes:
        code, text = reply
        if code != 334:
            raise smtplib.SMTPResponseException(code, text)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self.docmd("*")
            raise scram.ScramError("the server's challenge is not base64") from None

    def _text(self, reply: tuple[int, bytes]) -> str:
        if reply[0] == 235:
            raise _Unproved("the server says yes without proving that it knows the password")
        return self._challenge(reply).decode("utf-8", "replace")

    def _done(self, reply: tuple[int, bytes]) -> None:
        if reply[0] != 235:
            raise smtplib.SMTPResponseException(*reply)

    def cleared(self, text: str) -> str:
        """Return *text* without the password and what was made of it: a server may say back what it was told."""
        for secret in sorted(filter(None, self._sent), key=len, reverse=True):
            text = text.replace(secret, "(redacted)")
        return text
