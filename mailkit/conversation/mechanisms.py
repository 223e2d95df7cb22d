"""The mechanisms of a login (SASL, RFC 4422) as conversations: what a client says, step by step.

PLAIN is RFC 4616, LOGIN an expired draft, CRAM-MD5 RFC 2195, SCRAM-SHA-256 RFC 7677.  A mechanism here is a generator.
It yields a :class:`Turn` each time the client speaks, and is sent the server's challenge as the protocol carried it,
in base64.  Whatever protocol it runs in (SMTP: RFC 4954) takes care of the rest.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from mailkit.conversation import scram
from mailkit.conversation.credentials import Credentials

__all__ = ["MECHANISMS", "ExchangeError", "Turn", "Unproved", "cram_md5"]


class ExchangeError(ValueError):
    """What the server sent does not fit the mechanism; the text is our own sentence."""


class Unproved(ExchangeError):
    """The server took the password's proof but could not show one of its own."""


@dataclass(frozen=True)
class Turn:
    """What the client says next: octets, before base64.

    ``response`` is None where the mechanism leaves the first word to the server.  ``may_end`` is False as long as
    the server still owes a proof, so that its yes is not to be believed.
    """

    response: bytes | None = field(repr=False)
    may_end: bool = True


Exchange = Generator[Turn, str, None]


def _plain(account: Credentials) -> Exchange:
    yield Turn(f"\0{account.user}\0{account.secret.reveal()}".encode())


def _login(account: Credentials) -> Exchange:
    # What the prompts say does not matter, nor whether they are base64: some servers write "334 Username:".
    yield Turn(None)
    yield Turn(account.user.encode())
    yield Turn(account.secret.reveal().encode())


def _cram_md5(account: Credentials) -> Exchange:
    challenge = yield Turn(None)
    yield Turn(cram_md5(account.user, account.secret.reveal(), _decoded(challenge)))


def _scram(account: Credentials) -> Exchange:
    first = scram.client_first(account.user, secrets.token_urlsafe(18))
    server_first = yield Turn(first.encode(), may_end=False)
    try:
        final, expected = scram.client_final(account.secret.reveal(), first, _text(server_first))
    except scram.ScramError as error:
        raise ExchangeError(str(error)) from error
    server_final = yield Turn(final.encode(), may_end=False)
    if not hmac.compare_digest(_text(server_final).encode(), expected.encode()):
        raise Unproved("the server's proof is wrong: it does not know the password")
    yield Turn(b"")


# In the order of preference.  Inside verified TLS the three that send something are much alike to an eavesdropper;
# SCRAM also has the server prove that it knows the password.
MECHANISMS: dict[str, Callable[[Credentials], Exchange]] = {
    "SCRAM-SHA-256": _scram,
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
}


def cram_md5(user: str, password: str, challenge: bytes) -> bytes:
    """Return the response to *challenge*: the user name and a hash that only the password's owner can compute.

    It is HMAC-MD5 of the challenge under the password.  The server must know the password itself to check it, and an
    eavesdropper can try passwords against it at leisure.
    """
    return f"{user} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()


def _decoded(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except (binascii.Error, ValueError):
        raise ExchangeError("the server's challenge is not base64") from None


def _text(challenge: str) -> str:
    return _decoded(challenge).decode("utf-8", "replace")
