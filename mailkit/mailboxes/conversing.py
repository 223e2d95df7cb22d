"""Reading mail by hand: saying commands to a mailbox server one by one, and seeing what both sides say."""

from __future__ import annotations

import re

from mailkit.clients import Credentials
from mailkit.conversation import FAILURES, Line, explain
from mailkit.mailboxes.capabilities import conversation
from mailkit.network import Network
from mailkit.results import Rows, Stage

__all__ = ["converse"]

# What begins a login, TLS, or a mode in which the server speaks unasked.
_NEVER = re.compile(r"(LOGIN|AUTHENTICATE|STARTTLS|APPEND|IDLE|USER|PASS|APOP|AUTH|STLS)\b", re.IGNORECASE)
# What changes nothing on a server.
_HARMLESS = re.compile(
    r"(CAPABILITY|NOOP|LIST|LSUB|STATUS|EXAMINE|SEARCH|FETCH|LOGOUT|CAPA|STAT|UIDL|TOP|RETR|QUIT)\b", re.IGNORECASE
)


def converse(
    host: str,
    port: int,
    *commands: str,
    net: Network,
    account: Credentials | None = None,
    protocol: str | None = None,
    timeout: float | None = None,
    implicit_tls: bool | None = None,
) -> Rows[Line]:
    """Say *commands* to *host*:*port* inside verified TLS and return the whole dialogue, without the password.

    With *account* the conversation logs in first.  Commands of IMAP come without their tag.  On the real internet only
    commands that change nothing are allowed, in the practice internet all but logins.  What ends the conversation
    early is its last line.  Raises ValueError for a command that is not allowed.
    """
    for command in commands:
        if not isinstance(command, str) or not command.isascii() or not command.isprintable():
            raise ValueError("a command is one line of ASCII text: converse(host, 993, 'EXAMINE INBOX', net=net)")
        word = command.upper().removeprefix("UID ")
        if _NEVER.match(word) or not (net.takes_test_mail or _HARMLESS.match(word)):
            raise ValueError(f"{(command.split() or [''])[0]} is not said here; to log in pass account=Credentials(…)")
    if account is not None and not isinstance(account, Credentials):
        raise TypeError("account is Credentials(user, password), or in the practice internet lab.account(address)")
    talk, implicit = conversation(
        host, port, net=net, protocol=protocol, timeout=timeout or 4 * net.timeout, implicit_tls=implicit_tls
    )
    ended: list[Line] = []
    try:
        with net.slot(host):
            talk.enter(net.tls_context(), implicit_tls=implicit)  # verified, since a password follows
            if account is not None:
                talk.login(account)
            for command in commands:
                talk.wire.stage = Stage.DATA
                talk.say(command)
            talk.leave()
    except FAILURES as error:
        ended.append(Line("–", explain(error, talk.stage).reason, talk.wire.encrypted))
        talk.close()
    return Rows(Line, [*talk.lines, *ended], caption=f"{host}:{port}, {net.caption}")
