"""SMTP AUTH on the servers of the practice internet: PLAIN, LOGIN, CRAM-MD5 and SCRAM-SHA-256, for real.

RFC 4954 section 4 gives the frame (challenges behind 334, everything in base64, ``*`` to give up) and section 6
the replies.  A mechanism is a function that talks with the client through ``ask`` and returns who logged in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailkit.lab.world import Host, World
from mailkit.smtp_auth.mechanisms import cram_md5
from mailkit.smtp_auth.scram import ScramError, Verifier, fields, header_and_bare

__all__ = ["MECHANISMS", "Result", "answer", "not_owned", "password_of", "same"]

Ask = Callable[[bytes], Awaitable[bytes]]  # sends a challenge and returns the client's response
PasswordOf = Callable[[str], str | None]

_SUCCESS = "235 2.7.0 Authentication successful"
_WRONG = "535 5.7.8 Authentication credentials invalid"
_UNKNOWN = "504 5.5.4 Unrecognized authentication type"
_NOT_BASE64 = "501 5.5.2 Cannot decode base64"
_CANCELLED = "501 5.7.0 Authentication cancelled"
_NO_INITIAL_RESPONSE = "501 5.7.0 This mechanism begins with a challenge"
_SYNTAX = "501 5.5.4 Syntax: AUTH mechanism [initial-response]"
_MALFORMED = "501 5.5.2 The response does not fit the mechanism"


class _Refused(Exception):
    """The exchange cannot go on; ``reply`` says why."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True)
class Result:
    """How an AUTH command ended: the reply to give, who tried, and whether they are logged in."""

    reply: str
    user: str = ""
    good: bool = False


@dataclass(frozen=True)
class _Exchange:
    """What a mechanism works with; ``initial`` is the response that came with the command, if one did."""

    initial: bytes | None
    ask: Ask
    password_of: PasswordOf
    hostname: str

    async def first(self, challenge: bytes = b"") -> bytes:
        """Return the initial response, asked for if the client did not send it along."""
        return await self.ask(challenge) if self.initial is None else self.initial


def same(given: bytes, expected: str | None) -> bool:
    """Return whether the password *given* is the *expected* one; None is nobody's."""
    # As much work for an account that does not exist, so that the time taken does not tell which ones do.
    right = hmac.compare_digest(given, (expected or secrets.token_hex()).encode())
    return right and expected is not None


async def _plain(exchange: _Exchange) -> tuple[str, bool]:
    """PLAIN, RFC 4616: the identity to act as, the user and the password, with NULs between."""
    parts = (await exchange.first()).split(b"\0")
    if len(parts) != 3:
        raise _Refused(_MALFORMED)
    acts_as, user, password = parts[0].decode("utf-8", "replace"), _text(parts[1]), parts[2]
    # Nobody here may act as another.
    return user, same(password, exchange.password_of(user)) and acts_as in ("", user)


async def _login(exchange: _Exchange) -> tuple[str, bool]:
    """LOGIN, in no RFC (draft-murchison-sasl-login): two questions."""
    user = _text(await exchange.first(b"Username:"))
    return user, same(await exchange.ask(b"Password:"), exchange.password_of(user))


async def _cram_md5(exchange: _Exchange) -> tuple[str, bool]:
    """CRAM-MD5, RFC 2195: a hash of a challenge that is new each time."""
    if exchange.initial is not None:
        raise _Refused(_NO_INITIAL_RESPONSE)
    challenge = f"<{secrets.randbelow(10**12)}@{exchange.hostname}>".encode()
    response = await exchange.ask(challenge)
    user = _text(response.rpartition(b" ")[0])
    password = exchange.password_of(user)
    expected = cram_md5(user, password, challenge).decode() if password is not None else None
    return user, same(response, expected)


async def _scram_sha_256(exchange: _Exchange) -> tuple[str, bool]:
    """SCRAM-SHA-256, RFC 7677: the client proves that it knows the password, then the server does."""
    try:
        first = _text(await exchange.first())
        _, bare = header_and_bare(first)
        user = fields(bare)["n"].replace("=2C", ",").replace("=3D", "=")
        password = exchange.password_of(user)
        # A real server keeps salt and keys, not the password; an unknown user gets a salt all the same.
        salt = hashlib.sha256(f"salt of {user}".encode()).digest()[:16]
        verifier = Verifier.of(password if password is not None else secrets.token_hex(), salt)
        server_first = verifier.first(first, secrets.token_urlsafe(18))
        final = _text(await exchange.ask(server_first.encode()))
        proof = verifier.final(first, server_first, final)
    except ScramError:
        raise _Refused(_MALFORMED) from None
    if proof is None:
        return user, False
    # SMTP has no room for data beside 235, so the server's proof travels as one more challenge.
    await exchange.ask(proof.encode())
    return user, True


MECHANISMS: dict[str, Callable[[_Exchange], Awaitable[tuple[str, bool]]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "SCRAM-SHA-256": _scram_sha_256,
}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _Refused(_MALFORMED) from None


def _decoded(line: bytes) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise _Refused(_NOT_BASE64) from None


async def answer(
    arguments: str,
    *,
    offered: tuple[str, ...],
    hostname: str,
    password_of: PasswordOf,
    say: Callable[[bytes], Awaitable[bytes]],
) -> Result:
    """Carry out ``AUTH`` *arguments* and return how it ended.

    *say* sends a line (without its end) and returns the client's next one; *password_of* gives the password of an
    account, None where there is none.
    """

    async def ask(challenge: bytes) -> bytes:
        line = await say(b"334 " + base64.b64encode(challenge))
        if line == b"*":
            raise _Refused(_CANCELLED)
        return _decoded(line)

    words = arguments.split()
    if not 1 <= len(words) <= 2:
        return Result(_SYNTAX)
    mechanism = words[0].upper()
    if mechanism not in offered:
        return Result(_UNKNOWN)
    try:
        initial = None if len(words) == 1 else b"" if words[1] == "=" else _decoded(words[1].encode())
        user, good = await MECHANISMS[mechanism](_Exchange(initial, ask, password_of, hostname))
    except _Refused as refused:
        return Result(refused.reply)
    return Result(_SUCCESS if good else _WRONG, user, good)


def password_of(user: str, host: Host, world: World) -> str | None:
    """Return the password of the account *user*; None where *host* has no such account."""
    account = world.mailboxes.get(user.lower())
    served = account is not None and account.user.rpartition("@")[2] in host.accounts
    return account.password if served and account is not None else None


def not_owned(address: str, host: Host, account: str) -> str:
    """Return the refusal of an *address* that is not the *account*'s, where *host* enforces that (RFC 6409 6.1)."""
    if not (account and host.enforce_from) or address.lower() == account.lower():
        return ""
    # RFC 6409 names 550; Postfix says 553 with these words, and so do many who run it.
    return f"553 5.7.1 <{address}>: Sender address rejected: not owned by user {account}"
