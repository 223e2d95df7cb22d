"""Try a login on one's own server: only over verified TLS, and it sends nothing.

RFC 8314 section 3.3 has submission clients verify the server's certificate before anything else; a password goes
to nobody whose name has not been checked.  It comes from a prompt or from the environment variable
MAILKIT_PASSWORD, is kept nowhere, and what a server says is cleared of it before anybody sees it.
"""

from __future__ import annotations

import getpass
import os
import warnings
from dataclasses import dataclass, replace

from mailkit.clients import SMTP, Line, begins_with_tls
from mailkit.conversation import FAILURES, Credentials, Password, Rejected, Unproved, explain
from mailkit.conversation.mechanisms import MECHANISMS
from mailkit.network import Network
from mailkit.network.endpoints import inside
from mailkit.results import Outcome, Record, Rows, Stage, hidden, visible
from mailkit.smtp_auth.conversation import meaning

__all__ = ["VARIABLE", "Login", "login"]

VARIABLE = "MAILKIT_PASSWORD"


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


def login(
    host: str,
    port: int,
    user: str | None,
    *,
    net: Network,
    password: str | Password | None = None,
    mechanism: str | None = None,
    timeout: float | None = None,
    implicit_tls: bool | None = None,
    outside: bool = False,
) -> Login:
    """Log in to *host*:*port* as *user* and leave again; nothing is sent.

    The password is asked for at a prompt, or taken from the environment variable MAILKIT_PASSWORD; *password* is for
    the practice internet and for programs.  *mechanism* is one of SCRAM-SHA-256, PLAIN, LOGIN and CRAM-MD5 (default:
    the first of these that the server offers).  With *user* None, or no way to ask for a password, nothing is done
    and the outcome is ``not_run``.

    A host may come from the DNS, which can be forged.  So no password goes to one outside the domain of *user*, be
    it an SRV record's or an MX, unless *outside* says that this very host is meant, or whoever sits at the prompt
    does (RFC 6186 section 6).  *implicit_tls* says whether TLS begins with the first octet (default: on port 465
    and the like), *timeout* is the deadline in seconds.  Raises ValueError for another mechanism.
    """
    if mechanism is not None and mechanism not in MECHANISMS:
        raise ValueError(f"mechanism is one of {', '.join(MECHANISMS)}, or None for the best that is offered")
    if not user:
        reason = "no account named, so nobody logged in"
        return Login(host, port, "", Outcome.NOT_RUN, Stage.CONNECT, reason=reason)
    stranger = not outside and not inside(host, user.rpartition("@")[2])
    account = _account(user, host, password, stranger=stranger)
    del password  # from here on it is only where no display looks
    if account is None and stranger:
        reason = f"{visible(host)} is outside the domain of {visible(user)}: with outside=True the password goes there"
        return Login(host, port, user, Outcome.NOT_RUN, Stage.CONNECT, reason=reason)
    if account is None:
        reason = f"no password: set {VARIABLE}, or run this where it can be asked for"
        return Login(host, port, user, Outcome.NOT_RUN, Stage.CONNECT, reason=reason)
    smtp = SMTP(net, host, port, timeout=timeout or 4 * net.timeout)
    result = Login(host, port, user, Outcome.OPEN, Stage.AUTH)
    with net.slot(host):
        try:
            implicit = begins_with_tls(port, implicit_tls)
            smtp.enter(net.tls_context(), implicit_tls=implicit)
            used = smtp.login(account, MECHANISMS if mechanism is None else [mechanism])
            result = replace(result, server_proved=True if used.startswith("SCRAM") else None)
            smtp.leave()
        except FAILURES as error:
            ended = explain(error, smtp.stage)
            refused = isinstance(error, Rejected) and smtp.stage is Stage.AUTH
            result = replace(
                result,
                outcome=ended.outcome,
                stage=ended.stage,
                server_proved=False if isinstance(error, Unproved) else None,
                reason=meaning(_reply(smtp)) if refused else ended.reason,
                detail=ended.detail,
            )
            smtp.close()
    lines = Rows(Line, smtp.lines, caption=net.caption)
    return replace(result, mechanism=smtp.mechanism, reply=_reply(smtp), dialogue=lines)


def _reply(smtp: SMTP) -> str:
    """Return what the server last said to the login, "" where it said nothing."""
    return str(smtp.reply) if smtp.mechanism and smtp.reply else ""


def _account(user: str, host: str, password: str | Password | None, *, stranger: bool) -> Credentials | None:
    """Return the credentials for *host*; None when there are none, or when nobody is there to say yes to a stranger."""
    if not stranger and (password or os.environ.get(VARIABLE)):
        return Credentials(user, password or os.environ[VARIABLE])
    if password is not None:
        return None
    warning = f"{visible(host)} is not in the domain of {visible(user)}: was it you who chose it?  " if stranger else ""
    try:
        with warnings.catch_warnings():
            # Where it cannot switch the echo off, getpass would show what is typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            prompt = f"{warning}Password of {visible(user)} at {visible(host)} (not stored; empty to cancel): "
            typed = Password(getpass.getpass(prompt))
    except (EOFError, OSError, NotImplementedError, getpass.GetPassWarning):
        return None
    return Credentials(user, typed) if typed else None
