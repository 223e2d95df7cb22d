"""A whole exchange of SCRAM-SHA-256, field by field, to be looked at (RFC 5802 section 5, RFC 7677 section 3).

The mechanism itself is in :mod:`mailkit.conversation.scram`, whose names are offered here as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation.scram import (
    LEAST_ITERATIONS,
    ScramError,
    Verifier,
    client_final,
    client_first,
    fields,
    header_and_bare,
)
from mailkit.results import Record, Rows

__all__ = [
    "LEAST_ITERATIONS",
    "Attribute",
    "ScramError",
    "Verifier",
    "client_final",
    "client_first",
    "fields",
    "header_and_bare",
    "walk",
]


@dataclass(frozen=True)
class Attribute(Record):
    """One attribute of a message (RFC 5802 section 5.1): the message's number, who sends it, what it is for."""

    message: int
    who: str
    field: str
    what: str


_WHAT = {
    1: {"n": "who wants to log in", "r": "the client's nonce, new each time"},
    2: {"r": "both nonces, one behind the other", "s": "the salt", "i": "how many rounds"},
    3: {"c": "the opening of message 1, in base64", "r": "both nonces again"},
}


def walk(user: str, password: str, *, client_nonce: str, server_nonce: str, verifier: Verifier) -> Rows[Attribute]:
    """Return a whole exchange between a client with *password* and a server with *verifier*, field by field."""
    first = client_first(user, client_nonce)
    answer = verifier.first(first, server_nonce)
    final, expected = client_final(password, first, answer)
    without_proof, _, proof = final.rpartition(",p=")
    header, bare = header_and_bare(first)
    rows = [Attribute(1, "C", header, "no channel binding, and nobody else to act as")]
    for number, who, message in ((1, "C", bare), (2, "S", answer), (3, "C", without_proof)):
        rows += [
            Attribute(number, who, f"{name}={value}", _WHAT[number][name]) for name, value in fields(message).items()
        ]
    rows.append(Attribute(3, "C", f"p={proof}", "the client's proof: only who knows the password can make it"))
    ours = verifier.final(first, answer, final)
    if ours is None:
        what = "the proof does not fit what is kept: an honest server says 535, an impostor has no v to send"
    elif ours == expected:
        what = "the server's proof, as the client expects it"
    else:
        what = "the server's proof, and it is wrong"
    rows.append(Attribute(4, "S", ours or "", what))
    return Rows(Attribute, rows, caption="SCRAM-SHA-256, RFC 5802 section 5")
